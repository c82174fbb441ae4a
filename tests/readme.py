"""What README says about settings and files, made from the code: `python -m tests.readme` writes it anew."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from backend.settings import table

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SHOWN = ("backend", "model", "docker", "tests")


def blocks() -> dict[str, str]:
    """The generated parts of README by the name of their markers."""
    return {"settings": table(), "tree": f"```\n{tree()}\n```\n"}


def filled(text: str) -> str:
    """README with every generated part replaced by what the code says now."""
    for name, block in blocks().items():
        marked = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = marked.sub(r"\1" + block.replace("\\", r"\\") + r"\2", text)
    return text


def tree() -> str:
    """Every Python file of the product with the first sentence of its docstring; tests by folder."""
    return "\n".join(line for name in SHOWN if (ROOT / name).is_dir() for line in _folder(ROOT / name, 0))


def _folder(folder: Path, depth: int) -> Iterator[str]:
    yield f"{'  ' * depth}{folder.name}/"
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.is_dir() and not path.name.startswith((".", "__")):
            yield from _folder(path, depth + 1) if _holds_files(path) else ()
        elif path.suffix == ".py" and path.read_text().strip() and path.relative_to(ROOT).parts[0] != "tests":
            yield f"{'  ' * (depth + 1)}{path.name:28}{_sentence(path)}".rstrip()


def _holds_files(folder: Path) -> bool:
    """Whether byte code is not all: git leaves folders of modules that have moved."""
    return any(path.is_file() and path.suffix != ".pyc" for path in folder.rglob("*"))


def _sentence(path: Path) -> str:
    said = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=\.) ", said)[0].rstrip(".:")


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
