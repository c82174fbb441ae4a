"""Reads a project through Label Studio's API, task after task, and writes predictions, with the server's own client."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from backend import certificates
from backend.pictures.network.urls import shown
from backend.store.projects import Project
from backend.webhooks.receive import project_key
from model.errors import Misconfigured, Unavailable

PAGE = 50  # tasks in one answer, which hold all their masks
SECONDS = 60.0  # for one answer
RETRIES = 1  # the client waits a second before it asks again


@dataclass(frozen=True, slots=True)
class Description:
    """A project as the API describes it, when that was, on Label Studio's clock, and how many tasks it had."""

    project: Project
    asked: datetime
    tasks: int = 0


class LabelStudioClient:
    """A Label Studio server. Its key goes to `url` alone, and follows no redirect.

    Every method raises Misconfigured for what the operator has to change, and Unavailable where the server does not
    answer.
    """

    def __init__(self, url: str, api_key: str) -> None:
        """`api_key` is a legacy token or a personal access token."""
        if not url or not api_key:
            raise Misconfigured("Set ANYWORD_LABEL_STUDIO_URL and ANYWORD_LABEL_STUDIO_API_KEY to read annotations")
        from label_studio_sdk.client import LabelStudio  # takes seconds, and is wanted here only

        self._url = url if "://" in url else f"http://{url}"
        with self._explained("the key"):
            self._client: Any = LabelStudio(  # type: ignore[no-untyped-call]
                base_url=f"{self._url.rstrip('/')}/",  # without the slash the client loses a sub-path when it renews
                api_key=api_key,
                timeout=SECONDS,
                max_retries=RETRIES,
                follow_redirects=False,
            )

    def describe(self, key: str) -> Description:
        """The project with this key; another one that has its number by now is not it."""
        number = key.partition(".")[0]
        if not number.isdecimal():
            raise Misconfigured(f"project {key}: Label Studio's projects are named by a number")
        found = self.find(int(number))
        if found.project.key != key:
            raise Misconfigured(f"project {number} of {shown(self._url)} is another one than {key}, which is gone")
        return found

    def find(self, number: int) -> Description:
        """The project that has this number now."""
        with self._explained(f"project {number}"):
            answer = self._client.projects.with_raw_response.get(id=number)
            found, date = answer.data, parsedate_to_datetime(answer.headers["date"])
            key = project_key(found.id, found.created_at)
        project = Project(key, title=found.title or "", label_config=found.label_config or "")
        return Description(project, date if date.tzinfo else date.replace(tzinfo=UTC), found.task_number or 0)

    def tasks(self, key: str) -> Iterator[Mapping[str, Any]]:
        """The project's tasks with their annotations, by id, as JSON says them; a page at a time is in memory.

        Each page asks for what comes after the last task, so that tasks which are deleted meanwhile hide none.
        """
        number, last = int(key.partition(".")[0]), 0
        while page := self.page(number, last):
            yield from page
            last = max(int(task["id"]) for task in page)

    def page(self, project: int, last: int) -> Sequence[Mapping[str, Any]]:
        """The first tasks after the one with the id `last`, by id; none where it was the last one."""
        tasks = self._listed(project, "greater", last)
        if any(task["id"] <= last for task in tasks):
            raise Misconfigured(f"{shown(self._url)} does not answer as Label Studio; check ANYWORD_LABEL_STUDIO_URL")
        return tasks

    def task(self, project: int, number: int) -> Mapping[str, Any] | None:
        """The task as it is now; None where it was deleted."""
        return next((task for task in self._listed(project, "equal", number) if task["id"] == number), None)

    def write(self, project: int, task: int, prediction: Mapping[str, Any]) -> None:
        """Store a prediction of a task. It is asked once: where no answer comes, it may be stored all the same."""
        with self._explained(f"a prediction for task {task} of project {project}"):
            self._client.projects.import_predictions(
                id=project, request=[{"task": task, **prediction}], request_options={"max_retries": 0}
            )

    def _listed(self, project: int, operator: str, value: int) -> Sequence[Mapping[str, Any]]:
        """A page of the tasks by their id. What looks like a page but is none must not pass for an empty project."""
        wanted = {"filter": "filter:tasks:id", "operator": operator, "type": "Number", "value": value}
        query = {"filters": {"conjunction": "and", "items": [wanted]}, "ordering": ["tasks:id"]}
        with self._explained(f"the tasks of project {project}"):
            answer = self._client.tasks.list(
                project=project,
                page_size=PAGE,
                query=json.dumps(query),
                resolve_uri=False,  # addresses as they stand in the task, not signed ones that expire
            )
            tasks = [_told(task) for task in answer.items]
            if any("result" not in one for task in tasks for one in task["annotations"]):
                raise ValueError("annotations without their content")
            return tasks

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn what the client raises into a message for the operator; what the server said stays out of it."""
        import httpx
        from label_studio_sdk.core.api_error import ApiError

        where = shown(self._url)
        try:
            yield
        except httpx.TimeoutException as error:
            raise Unavailable(f"no answer from {where} within {SECONDS:g} s") from error
        except httpx.HTTPError as error:
            said = certificates.named(error)
            if remedy := certificates.remedy(said):  # asking again does not help
                raise Misconfigured(f"{where} cannot be reached ({said}). {remedy}") from error
            raise Unavailable(f"{where} cannot be reached ({said})") from error
        except ApiError as error:
            raise _refusal(error.status_code or 0, what, where) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Misconfigured(f"{where} does not answer as Label Studio; check ANYWORD_LABEL_STUDIO_URL") from error


def _told(task: Any) -> dict[str, Any]:
    """A task as JSON says it. Of its predictions the model versions are kept, without masks."""
    known = None if task.predictions is None else [{"model_version": one.model_version} for one in task.predictions]
    return {"id": task.id, "data": task.data, "annotations": task.annotations, "predictions": known}


def _refusal(status: int, what: str, where: str) -> Misconfigured | Unavailable:
    if status in (401, 403):
        return Misconfigured(f"{status} from {where}: check ANYWORD_LABEL_STUDIO_API_KEY; it has to be allowed {what}")
    if status == 404:
        return Misconfigured(f"{what} is not on {where}; it was deleted, or ANYWORD_LABEL_STUDIO_URL is another server")
    if status >= 500 or status in (408, 429):
        return Unavailable(f"{status} from {where} when asked for {what}; try again later")
    return Misconfigured(f"{status} from {where} when asked for {what}; check ANYWORD_LABEL_STUDIO_URL")
