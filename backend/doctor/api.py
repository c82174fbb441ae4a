"""Label Studio's API as the doctor asks it: answers are looked at whatever their status, and redirects are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import requests

from backend import certificates
from backend.pictures.network.urls import shown

SECONDS = 30.0  # Label Studio asks each model of a project itself, three times, before it lists them
PAGE = 100
MOST_PAGES = 50

Item = Mapping[str, Any]


class Unanswered(Exception):
    """What an operator gets to read where there is no answer, or one that is not Label Studio's."""


class Api:
    """One Label Studio. `authorization` is the header that opens it; it goes to this address alone."""

    def __init__(self, url: str, authorization: str = "") -> None:
        self.url = (url if "://" in url else f"http://{url}").rstrip("/")
        self.authorization = authorization

    def call(self, method: str, path: str, body: object = None) -> requests.Response:
        """One request. Raises Unanswered where nothing comes back in time."""
        try:
            return requests.request(
                method, self.url + path, json=body, timeout=SECONDS, allow_redirects=False, auth=self._authorize
            )
        except requests.Timeout as error:
            raise Unanswered(f"no answer from {shown(self.url)} within {SECONDS:g} s") from error
        except (requests.RequestException, ValueError) as error:
            raise Unanswered(f"{shown(self.url)} cannot be reached ({certificates.named(error)})") from error

    def get(self, path: str) -> Any:
        """The JSON behind a path. Raises Unanswered for anything else."""
        answer = self.call("GET", path)
        if answer.status_code != 200:
            raise Unanswered(f"{answer.status_code} from {shown(self.url)} for {path.partition('?')[0]}")
        return parsed(answer)

    def items(self, path: str) -> list[Item]:
        """What a list holds. Raises Unanswered."""
        found = self.get(path)
        if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
            raise Unanswered(f"{shown(self.url)} does not answer {path.partition('?')[0]} as Label Studio")
        return found

    def projects(self) -> Iterator[Item]:
        """All projects that the key may see, page by page. Raises Unanswered."""
        for page in range(1, MOST_PAGES + 1):
            found = self.get(f"/api/projects?page={page}&page_size={PAGE}&include=id,title,label_config")
            if not isinstance(found, Mapping) or not isinstance(found.get("results"), list):
                raise Unanswered(f"{shown(self.url)} does not answer /api/projects as Label Studio")
            yield from found["results"]
            if not found.get("next"):
                return

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """The key, or none; without this, requests would look one up in the user's .netrc."""
        if self.authorization:
            request.headers["Authorization"] = self.authorization
        return request


def parsed(answer: requests.Response) -> Any:
    """The JSON of an answer; None where it is none."""
    try:
        return answer.json()
    except ValueError:  # the library has no other way to say no
        return None
