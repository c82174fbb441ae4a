"""What one check found, and what an operator can do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "problem", "skipped"]
EXIT = {"ok": 0, "skipped": 0, "warning": 1, "problem": 2}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`what` tells the state of things, `remedy` what to do; it is empty where nothing has to be done."""

    name: str
    status: Status
    what: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """One line for people, and the remedy under it."""
        return f"{self.status:8} {self.name}: {self.what}" + (f"\n{'':9}-> {self.remedy}" if self.remedy else "")


def exit_status(findings: Iterable[Diagnosis]) -> int:
    """The exit status of the command: 0 where all is well, 1 for warnings, 2 where there is a problem."""
    return max((EXIT[finding.status] for finding in findings), default=0)
