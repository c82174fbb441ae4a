"""Tables of figures in Markdown, with what they were measured on: they go into docs/operations.md as they are."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime

import psutil  # type: ignore[import-untyped]

from backend.server.child_process import ROOT
from tests.benchmarks.figures import Figure


def heading() -> str:
    """The commit, the day and the machine."""
    gigabytes = round(psutil.virtual_memory().total / 1e9)
    machine = f"{len(os.sched_getaffinity(0))} cores, {gigabytes} GB of memory, Python {platform.python_version()}"
    return f"Commit {_commit()}, {datetime.now(UTC):%Y-%m-%d}, {machine}."


def table(title: str, figures: Sequence[Figure]) -> str:
    """One row for each figure; a figure without a budget is only told."""
    rows = [f"| {each.what} | {each.measured} | {each.allowed} | {_verdict(each)} |" for each in figures]
    return "\n".join([f"**{title}**", "", "| Figure | Measured | Budget | Kept |", "|---|---|---|---|", *rows, ""])


def _verdict(figure: Figure) -> str:
    if figure.budget is None:
        return ""
    return "yes" if figure.kept else "**no**"


def _commit() -> str:
    commit = _git("rev-parse", "--short", "HEAD") or "unknown"
    return f"{commit} with changes" if _git("status", "--porcelain") else commit


def _git(*arguments: str) -> str:
    answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.strip()
