"""Reads a project through Label Studio's API, task after task, with the server's own client."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from backend.corrections.recording import project_key
from backend.pictures.fetch import shown
from backend.store.projects import Project
from model.errors import Misconfigured, Unavailable

PAGE = 50  # tasks in one answer, which hold all their masks
SECONDS = 60.0  # for one answer
RETRIES = 1  # the client waits a second before it asks again


@dataclass(frozen=True, slots=True)
class Description:
    """A project as the API describes it, and when that was, on Label Studio's clock."""

    project: Project
    asked: datetime


class Studio:
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
        with self._explained(f"project {number}"):
            answer = self._client.projects.with_raw_response.get(id=int(number))
            found, date = answer.data, parsedate_to_datetime(answer.headers["date"])
        if project_key(found.id, found.created_at) != key:
            raise Misconfigured(f"project {number} of {shown(self._url)} is another one than {key}, which is gone")
        project = Project(key, title=found.title or "", label_config=found.label_config or "")
        return Description(project, date if date.tzinfo else date.replace(tzinfo=UTC))

    def tasks(self, key: str) -> Iterator[Mapping[str, Any]]:
        """The project's tasks with their annotations, by id, as JSON says them; a page at a time is in memory.

        Each page asks for what comes after the last task, so that tasks which are deleted meanwhile hide none.
        """
        number, last = int(key.partition(".")[0]), 0
        while page := self._page(number, last):
            yield from page
            last = max(int(task["id"]) for task in page)

    def _page(self, project: int, last: int) -> Sequence[Mapping[str, Any]]:
        """The tasks after the last one. What looks like a page but is none must not pass for an empty project."""
        newer = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": last}
        query = {"filters": {"conjunction": "and", "items": [newer]}, "ordering": ["tasks:id"]}
        with self._explained(f"the tasks of project {project}"):
            answer = self._client.tasks.list(
                project=project,
                page_size=PAGE,
                query=json.dumps(query),
                resolve_uri=False,  # addresses as they stand in the task, not signed ones that expire
            )
            tasks = [{"id": task.id, "data": task.data, "annotations": task.annotations} for task in answer.items]
            if any(task["id"] <= last or any("result" not in one for one in task["annotations"]) for task in tasks):
                raise ValueError("tasks that were not asked for, or annotations without their content")
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
            raise Unavailable(f"{where} cannot be reached ({type(error).__name__})") from error
        except ApiError as error:
            raise _refusal(error.status_code or 0, what, where) from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Misconfigured(f"{where} does not answer as Label Studio; check ANYWORD_LABEL_STUDIO_URL") from error


def _refusal(status: int, what: str, where: str) -> Misconfigured | Unavailable:
    if status in (401, 403):
        return Misconfigured(f"{status} from {where}: check ANYWORD_LABEL_STUDIO_API_KEY; it has to be allowed {what}")
    if status == 404:
        return Misconfigured(f"{what} is not on {where}; it was deleted, or ANYWORD_LABEL_STUDIO_URL is another server")
    if status >= 500 or status in (408, 429):
        return Unavailable(f"{status} from {where} when asked for {what}; try again later")
    return Misconfigured(f"{status} from {where} when asked for {what}; check ANYWORD_LABEL_STUDIO_URL")
