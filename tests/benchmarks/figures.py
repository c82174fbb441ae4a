"""Measured values beside their budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value with its budget; `least` says that the budget is a lower bound."""

    what: str
    value: float
    unit: str
    budget: float
    least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the value is on the right side of its budget."""
        return self.value >= self.budget if self.least else self.value <= self.budget


def show(title: str, figures: Sequence[Figure]) -> int:
    """Print the table, and return 1 where a budget is exceeded."""
    print(f"{title:60}  {'measured':>10}  {'budget':>10}")
    for figure in figures:
        sign, verdict = (">=" if figure.least else "<="), ("" if figure.kept else "  MISSED")
        value, budget = f"{figure.value:.3g} {figure.unit}", f"{sign} {figure.budget:g} {figure.unit}"
        print(f"{figure.what:60}  {value:>10}  {budget:>10}{verdict}")
    return 0 if all(figure.kept for figure in figures) else 1
