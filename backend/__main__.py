"""The commands: `python -m backend serve` and `python -m backend demo`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.settings import read
from model.errors import Misconfigured


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        settings = read(environ)
    except Misconfigured as error:
        print(f"python -m backend: {error}", file=sys.stderr)
        return 2
    if options.command == "demo":
        from backend.demo import show  # the models come with it; serving must not wait for them

        return show(options.out)
    from backend.serving import Server

    Server(settings, options.host or settings.host, settings.port if options.port is None else options.port).run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m backend", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="answer Label Studio; settings come from ANYWORD_ variables")
    serve.add_argument("--host", help="address to listen on, in place of ANYWORD_HOST")
    serve.add_argument("--port", type=int, help="port to listen on, in place of ANYWORD_PORT")
    demo = commands.add_parser("demo", help="serve, send sample tasks, check the masks, write pictures and a page")
    demo.add_argument("--out", type=Path, default=Path("out/demo"), help="folder to write to (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
