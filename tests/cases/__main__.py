"""Judge the recorded cases: `python -m tests.cases [NAME ...] [--all]`.

Without a name, those that belong to single pictures, files, words and settings. `--all` adds those about several label
groups, pictures and people, and about what sentences mean, which later work answers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch

from backend.server.app import close, create_app
from backend.settings import Settings
from tests.cases.requests import FOLDER, Verdict, judged
from tests.cases.situations import SITUATIONS

SINGLE = (
    "500-*", "jpeg-*", "label-name-*", "tiff-*", "windows-*", "private-ca", "model-version-*", "full-width-*",
    "one-long-*", "low-contrast-*", "box-drawn-*", "content-type-*", "label-as-text-*",
)  # fmt: skip


def chosen(names: Sequence[str], everything: bool) -> list[str]:
    """The names of the cases that are asked for, in order."""
    known = sorted(path.stem for path in FOLDER.glob("*.json"))
    wanted = names or (["*"] if everything else SINGLE)
    return [name for name in known if any(fnmatch(name, each) for each in wanted)]


def verdicts(names: Sequence[str]) -> Iterator[Verdict]:
    """Judge each case, on the embedded models where it is a request."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(database=f"sqlite:///{folder}/cases.db", learn_every=0, log_level="ERROR"))
        client = app.test_client()
        for name in names:
            yield Verdict(name, tuple(SITUATIONS[name]())) if name in SITUATIONS else judged(client, name)
        close(app)


def main() -> int:
    """Print a line for each case and how many are right; 0 where all are, 1 where not, 2 where there are none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--all", action="store_true")
    given = parser.parse_args()
    names = chosen(given.names, given.all)
    if not names:
        print(f"No cases: {FOLDER} is not beside this checkout")
        return 2
    right = 0
    for verdict in verdicts(names):
        right += not verdict.wrong
        print(
            f"{'right' if not verdict.wrong else 'WRONG':6} {verdict.name}", *verdict.wrong, sep="\n       ", flush=True
        )
    print(f"{right} right of {len(names)}")
    return 0 if right == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
