"""A name leads to one place: classes and modules are unique, folders and modules stay small."""

import ast
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("backend", "model")
MOST_MODULES = 12  # in a folder; what does not fit has a part that deserves a name
MOST_LINES = 300
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
MODULES = [path for path in SOURCES if path.name != "__init__.py"]


def test_class_names_are_unique() -> None:
    places = defaultdict(list)
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path.relative_to(ROOT).as_posix())
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_module_names_are_unique_within_a_package() -> None:
    """But for `cli`: its modules are named by the commands, which are named by what they command."""
    named = [path for path in MODULES if path.name != "__main__.py" and path.parent != ROOT / "backend" / "cli"]
    counts = Counter((path.relative_to(ROOT).parts[0], path.stem) for path in named)
    assert [name for name, count in counts.items() if count > 1] == []


def test_no_folder_holds_many_modules() -> None:
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in MODULES)
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


def test_no_module_is_long() -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES
    }
    assert {path: length for path, length in lengths.items() if length > MOST_LINES} == {}


def test_every_package_says_what_it_holds() -> None:
    packages = [path for path in SOURCES if path.name == "__init__.py" and path.parent.name != "versions"]
    silent = [path for path in packages if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))]
    assert [path.relative_to(ROOT).as_posix() for path in silent] == []
    folders = {path.parent for path in MODULES}
    assert [folder.relative_to(ROOT).as_posix() for folder in folders if not (folder / "__init__.py").exists()] == []
