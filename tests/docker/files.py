"""The container files as values: instructions of a Dockerfile, documents of YAML, lines of an .env file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docker"


def instructions(path: Path) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile in order, each with what follows it, continued lines joined."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r" *\\\n *", " ", "\n".join(lines)).splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined if line)]


def environment(path: Path) -> dict[str, str]:
    """What the ENV instructions of a Dockerfile set."""
    pairs = " ".join(rest for word, rest in instructions(path) if word == "ENV").split()
    return dict(pair.split("=", 1) for pair in pairs)


def documents(name: str) -> list[Any]:
    """The documents of a YAML file in the folder."""
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


def example() -> dict[str, str]:
    """The names in env.example with their values."""
    return variables(FOLDER / "env.example")


def variables(path: Path) -> dict[str, str]:
    """The names in an .env file with their values."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
