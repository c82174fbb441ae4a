"""Ours beside the textbook and beside the floor, one row each; single figures stay what figures.py has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tests.benchmarks.figures import Figure


@dataclass(frozen=True, slots=True)
class Row:
    """One measured value of both, less being better; ratio = textbook / ours.

    target: least ratio asked for; None: none. floor: what this machine's measured rates allow at best, same unit.
    textbook: None where the textbook has no such thing.
    """

    what: str
    unit: str
    ours: float
    textbook: float | None = None
    target: float | None = None
    floor: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times less ours needs."""
        return self.textbook / self.ours if self.textbook is not None and self.ours else None

    @property
    def missed(self) -> bool:
        """Whether the target is missed."""
        return self.target is not None and (self.ratio is None or self.ratio < self.target)


Section = Iterable[Row | Figure]


def show(title: str, rows: Section) -> int:
    """Print rows as they come, and return how many targets were missed."""
    print(f"\n{title:58} {'ours':>10} {'textbook':>10} {'ratio':>7} {'target':>8} {'floor':>9} {'x floor':>8}")
    missed = 0
    for row in rows:
        print(_line(row) if isinstance(row, Row) else _single(row), flush=True)
        missed += row.missed if isinstance(row, Row) else not row.kept
    return missed


def _line(row: Row) -> str:
    over = row.ours / row.floor if row.floor else None
    cells = (
        f"{row.ours:.3g} {row.unit}",
        _cell(row.textbook, f" {row.unit}"),
        _cell(row.ratio, "x"),
        f">= {row.target:g}x" if row.target is not None else "",
        _cell(row.floor, f" {row.unit}"),
        _cell(over, "x"),
    )
    widths = (10, 10, 7, 8, 9, 8)
    line = " ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    return f"{row.what:58} {line}{'  MISSED' if row.missed else ''}"


def _cell(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.3g}{unit}"


def _single(figure: Figure) -> str:
    verdict = "" if figure.kept else "  MISSED"
    return f"{figure.what:58} {figure.measured:>10} {'':>18} {figure.allowed}{verdict}"
