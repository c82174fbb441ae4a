"""Measured values beside their budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value with its budget, None where it is only told; `least`: the budget is a lower bound."""

    what: str
    value: float
    unit: str
    budget: float | None
    least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the value is on the right side of its budget."""
        if self.budget is None:
            return True
        return self.value >= self.budget if self.least else self.value <= self.budget

    @property
    def measured(self) -> str:
        """The value for people."""
        digits = ",.0f" if self.value >= 1000 else ".3g"
        return f"{self.value:{digits}} {self.unit}".strip()

    @property
    def allowed(self) -> str:
        """The budget for people; empty where there is none."""
        sign = ">=" if self.least else "<="
        return "" if self.budget is None else f"{sign} {self.budget:,g} {self.unit}".strip()


def show(title: str, figures: Sequence[Figure]) -> int:
    """Print the table, and return 1 where a budget is exceeded."""
    print(f"{title:60}  {'measured':>10}  {'budget':>10}")
    for figure in figures:
        verdict = "" if figure.kept else "  MISSED"
        print(f"{figure.what:60}  {figure.measured:>10}  {figure.allowed:>10}{verdict}")
    return 0 if all(figure.kept for figure in figures) else 1
