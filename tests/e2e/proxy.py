"""A server between Label Studio and ours that spoils the answers on purpose, to see whether the stories notice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from werkzeug import Request, Response
from werkzeug.serving import make_server

from tests.e2e.servers import Address

Item = dict[str, Any]
Spoil = Callable[[Item], None]

SECONDS = 100
LABEL_KEYS = ("labels", "brushlabels", "bitmasklabels")


def untouched(_: Item) -> None:
    """Change nothing."""


def truncated(item: Item) -> None:
    """Cut the second half of a run-length encoding off."""
    if "rle" in item["value"]:
        item["value"]["rle"] = item["value"]["rle"][: len(item["value"]["rle"]) // 2]


def swapped(item: Item) -> None:
    """Give every region the label Ring, and every Ring the label Star."""
    for key in LABEL_KEYS:
        if key in item["value"]:
            item["value"][key] = ["Star" if item["value"][key] == ["Ring"] else "Ring"]


@contextmanager
def served(answer: Callable[[Request], Response]) -> Iterator[str]:
    """Answer requests on a free port until the block ends; gives the address."""
    server = make_server("127.0.0.1", 0, Request.application(answer), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def spoiling(upstream: str, spoil: Spoil) -> Iterator[Address]:
    """Pass everything on to `upstream`, and spoil each result item of each prediction."""

    def application(request: Request) -> Response:
        answer = requests.request(
            request.method,
            upstream + request.full_path,
            data=request.get_data(),
            headers={"Content-Type": request.content_type or "application/json"},
            timeout=SECONDS,
        )
        body = answer.json()
        for prediction in body.get("results", []):
            for item in prediction.get("result", []):
                spoil(item)
        return Response(json.dumps(body), answer.status_code, content_type="application/json")

    with served(application) as url:
        yield Address(url)
