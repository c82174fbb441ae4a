"""Which pictures follow the open one, with and without a Label Studio to ask."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from backend.inference.predict_request import PredictRequest
from backend.labelstudio import label_config
from backend.pictures.neighbours import LONGEST_ADDRESS, MOST_TASKS, Neighbours, SeenTask, sight_of
from model.errors import BadImage
from tests.backend.configs import A
from tests.backend.site import Site, loader, status_only

CONFIG = label_config.read(A)


def task(number: int, url: str | None = None) -> dict[str, Any]:
    return {"id": number, "data": {"image": url or f"/{number}.png"}}


def ask(*tasks: Any, project: str = "3.17", hostname: str = "http://studio") -> PredictRequest:
    return PredictRequest(tasks, None, CONFIG, hostname, project)


def following(neighbours: Neighbours, number: int, project: str = "3.17") -> list[int]:
    opened = SeenTask(f"/{number}.png", number, "http://studio")
    return [sight.task_id for sight in neighbours.after(opened, ask(project=project))]


def test_without_a_key_the_order_in_which_tasks_were_seen_tells() -> None:
    with loader() as images:
        neighbours = Neighbours(images.web, 2)
        neighbours.saw(ask(task(5), task(9), task(2)))
        neighbours.saw(ask(task(7), task(9)))
        neighbours.saw(ask(task(8), project="4.17"))
    assert [following(neighbours, number) for number in (5, 9, 2, 7, 1)] == [[9, 2], [2, 7], [7], [], []]
    assert following(neighbours, 5, project="4.17") == []


def test_what_is_remembered_is_bounded() -> None:
    with loader() as images:
        neighbours = Neighbours(images.web, 2)
        neighbours.saw(ask(*(task(number) for number in range(MOST_TASKS + 3))))
        neighbours.saw(ask(task(-1), task(-2, "data:" + "A" * LONGEST_ADDRESS)))
    assert following(neighbours, 0) == []
    assert following(neighbours, MOST_TASKS + 2) == [-1]


def test_label_studio_is_asked_with_the_key_for_the_next_ids(site: Site) -> None:
    body = {"tasks": [task(6), {"id": 7, "data": {}}, "odd"], "total": 9}
    site.routes["/api/tasks"] = lambda _: (200, {"Content-Type": "application/json"}, json.dumps(body).encode())
    with loader(hostname=site.url, api_key="abc") as images:
        assert following(Neighbours(images.web, 2), 5) == [6]
    [seen] = site.seen
    query = parse_qs(urlsplit(seen.path).query)
    assert (seen.authorization, query["project"], query["page_size"]) == ("Token abc", ["3"], ["2"])
    assert json.loads(query["query"][0])["filters"]["items"][0]["value"] == 5


def test_a_refusal_of_label_studio_is_told(site: Site) -> None:
    site.routes["/api/tasks"] = status_only(401)
    with loader(hostname=site.url, api_key="abc") as images, pytest.raises(BadImage, match="401"):
        following(Neighbours(images.web, 2), 5)


@pytest.mark.parametrize(
    "odd", [None, "task", {}, {"id": "x", "data": {"image": "/a"}}, {"id": 1, "data": {"image": 3}}]
)
def test_a_task_of_an_odd_kind_has_no_picture(odd: Any) -> None:
    assert sight_of(odd, "image", "") is None
