"""The rule that gives the rest: the engine knows no HTTP, and the HTTP side no tensors."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from setuptools import find_namespace_packages

ROOT = Path(__file__).parents[1]
FORBIDDEN = {
    "model": ("backend", "flask", "werkzeug", "gunicorn", "label_studio_sdk", "prometheus_client", "os.environ"),
    "backend": ("torch", "transformers", "diffusers", "spacy"),
}
SOURCES = [path for package in FORBIDDEN for path in sorted((ROOT / package).rglob("*.py"))]
RUNNING = [path for path in SOURCES if not path.is_relative_to(ROOT / "model" / "training")]


def uses(tree: ast.AST) -> Iterator[str]:
    """Names of modules that a file imports, and `os.environ` where it reads the environment."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_imports_only_what_its_side_may(path: Path) -> None:
    forbidden = FORBIDDEN[path.relative_to(ROOT).parts[0]]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [name for name in uses(tree) if any(name == other or name.startswith(f"{other}.") for other in forbidden)]
    assert not found


@pytest.mark.parametrize("path", RUNNING, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_training_imports_training(path: Path) -> None:
    used = uses(ast.parse(path.read_text(encoding="utf-8")))
    assert not [name for name in used if name.startswith("model.training")]


def test_training_is_not_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found = project["tool"]["setuptools"]["packages"]["find"]
    packages = find_namespace_packages(str(ROOT), include=found["include"], exclude=found["exclude"])
    assert {"backend.server", "model.embedded", "backend.page.templates"} <= set(packages)
    assert not [name for name in packages if name.startswith("model.training")]


def test_the_server_starts_without_the_heavy_libraries() -> None:
    heavy = ("torch", "transformers", "diffusers", "spacy", "label_studio_sdk", "scipy", "pandas", "opentelemetry")
    modules = "backend.server.app, backend.server.gunicorn"
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
