"""Which pictures come next: Label Studio is asked where it can be, else the order in which tasks were seen tells."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from backend.pictures.network.fetch import Web

if TYPE_CHECKING:
    from backend.inference.predict_request import PredictRequest

MOST_PROJECTS = 64
MOST_TASKS = 2000  # of each project
LONGEST_ADDRESS = 2000  # characters; a data URI is longer, and comes along with its task anyway


@dataclass(frozen=True, slots=True)
class SeenTask:
    """A task's picture: its address, the task's id, and the server's own word for where it is."""

    url: str
    task_id: int
    hostname: str


def sight_of(task: Any, data_key: str, hostname: str) -> SeenTask | None:
    """The picture of a task as Label Studio sends it; None where there is none, or one of an odd kind."""
    data, number = (task.get("data"), task.get("id")) if isinstance(task, Mapping) else (None, None)
    url = data.get(data_key) if isinstance(data, Mapping) else None
    if not isinstance(url, str) or not url or not isinstance(number, int):
        return None
    return SeenTask(url, number, hostname)


class Neighbours:
    """Remembers the tasks of the latest projects in the order in which they were seen; threads may share it."""

    def __init__(self, web: Web, most: int) -> None:
        """`web` leads to the configured Label Studio, which is asked where there is a key; `most` pictures are told."""
        self._web, self._most = web, most
        self._seen: OrderedDict[tuple[str, str], OrderedDict[int, SeenTask]] = OrderedDict()
        self._lock = threading.Lock()

    def saw(self, ask: PredictRequest) -> None:
        """Remember the tasks of a call."""
        sights = [sight_of(task, ask.config.data_key, ask.hostname) for task in ask.tasks]
        with self._lock:
            tasks = self._seen.setdefault((ask.hostname, ask.project), OrderedDict())
            self._seen.move_to_end((ask.hostname, ask.project))
            tasks |= {each.task_id: each for each in sights if each and len(each.url) <= LONGEST_ADDRESS}
            _shorten(tasks, MOST_TASKS)
            _shorten(self._seen, MOST_PROJECTS)

    def after(self, opened: SeenTask, ask: PredictRequest) -> Sequence[SeenTask]:
        """The pictures that follow the one that is open. Raises BadImage where Label Studio refuses to tell."""
        project = ask.project.partition(".")[0]
        if self._web.key is not None and project.isdecimal():
            return self._told(project, opened, ask.config.data_key)
        with self._lock:
            seen = list(self._seen.get((ask.hostname, ask.project), {}).values())
        after = iter(seen)
        return list(islice(after, self._most)) if any(each.task_id == opened.task_id for each in after) else []

    def _told(self, project: str, opened: SeenTask, data_key: str) -> list[SeenTask]:
        """Ask for the tasks with the next ids, which is the order of a project unless somebody sorts it."""
        later = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": opened.task_id}
        query = {"filters": {"conjunction": "and", "items": [later]}, "ordering": ["tasks:id"]}
        parameters = {
            "project": project,
            "query": json.dumps(query),
            "page_size": self._most,
            "resolve_uri": "false",  # addresses as tasks have them, which are those that predictions come with
            "review": "true",  # else Label Studio would ask us for the predictions that those tasks lack
        }
        url = f"{self._web.hostname.rstrip('/')}/api/tasks?{urlencode(parameters)}"
        tasks = json.loads(self._web.get(url, ("application/json",))).get("tasks", [])
        sights = (sight_of(task, data_key, opened.hostname) for task in tasks)
        return [each for each in sights if each is not None]


def _shorten(mapping: OrderedDict[Any, Any], most: int) -> None:
    while len(mapping) > most:
        mapping.popitem(last=False)
