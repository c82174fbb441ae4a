"""What became of a project's tasks."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class BulkReport:
    """Counts of tasks, and for each that failed the reason by the task's id.

    `written` counts by model version: learning may put another revision in force meanwhile. `skipped` have a prediction
    of the model version; `there` got one meanwhile, from another run or from Label Studio. `waiting` would be done, but
    for a dry run.
    """

    written: dict[str, int] = field(default_factory=dict)
    skipped: int = 0
    there: int = 0
    waiting: int = 0
    failed: dict[int, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wrote(self, version: str) -> None:
        """Count a task that was done; threads may share the report."""
        with self._lock:
            self.written[version] = self.written.get(version, 0) + 1

    def found(self) -> None:
        """Count a task that somebody else did meanwhile; threads may share the report."""
        with self._lock:
            self.there += 1

    def lines(self, project: str, seconds: float) -> list[str]:
        """The report for people; `project` names the project."""
        counts = f"{self.waiting} to do" if self.waiting else f"{sum(self.written.values())} done"
        there = f"{self.there} already there, " if self.there else ""
        head = f"{project}: {counts}, {there}{self.skipped} skipped, {len(self.failed)} failed, {seconds:.1f} s"
        versions = [f"model version {version}: {count}" for version, count in self.written.items()]
        return [head, *versions, *(f"task {task}: {reason}" for task, reason in self.failed.items())]
