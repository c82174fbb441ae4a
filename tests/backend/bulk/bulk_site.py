"""A Label Studio whose tasks have pictures, and which stores the predictions that it is sent."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.backend.calls import BITMASK, picture, png
from tests.backend.site import Answer, Seen, status_only
from tests.backend.webhooks.studio_site import FakeStudio, studio
from tests.backend.webhooks.told import project, task

PICTURE = png(picture())


@dataclass
class BulkSite:
    """`before` and `after` are called with a task's id around the storing of its prediction, and may answer for it."""

    fake: FakeStudio
    before: Callable[[int], Answer | None] = lambda _: None
    after: Callable[[int], Answer | None] = lambda _: None
    fetched: Callable[[int], object] = lambda _: None
    asked: list[int] = field(default_factory=list)

    def imported(self, seen: Seen) -> Answer:
        """Store predictions as Label Studio does: all of them or none."""
        if refusal := self.fake.allowed(seen):
            return refusal
        [told] = json.loads(seen.body)
        self.asked.append(told["task"])
        if answer := self.before(told["task"]):
            return answer
        self.task(told["task"])["predictions"].append({"id": len(self.asked), **told})
        return self.after(told["task"]) or (201, {"Content-Type": "application/json"}, b'{"created": 1}')

    def task(self, number: int) -> dict[str, Any]:
        [found] = [one for one in self.fake.tasks if one["id"] == number]
        return found

    def predictions(self) -> dict[int, list[dict[str, Any]]]:
        return {one["id"]: one["predictions"] for one in self.fake.tasks}

    def picture(self, seen: Seen) -> Answer:
        self.fetched(int(seen.path.removeprefix("/data/").removesuffix(".png")))
        return 200, {"Content-Type": "image/png"}, PICTURE


@contextmanager
def bulk_site(tasks: int, config: str = BITMASK, tls: ssl.SSLContext | None = None) -> Iterator[BulkSite]:
    """A Label Studio with project 1 and so many tasks, numbered from 1."""
    with studio(tls=tls) as fake:
        site = BulkSite(fake)
        fake.project = project(config, task_number=tasks)
        fake.tasks = [{**task(number), "annotations": [], "predictions": []} for number in range(1, tasks + 1)]
        fake.site.routes["/api/projects/1/import/predictions"] = site.imported
        for number in range(1, tasks + 1):
            fake.site.routes[f"/data/{number}.png"] = site.picture
        yield site


def broken(status: int) -> Callable[[int], Answer | None]:
    """An answer that breaks off what is done."""
    return lambda _: status_only(status)(Seen("", None))
