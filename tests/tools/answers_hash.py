"""Hashes of all answers to recorded requests, scenes and the demo: `python -m tests.tools.answers_hash [--scenes N]`.

A change that is to leave every answer as it is prints the same hashes before and after, on one machine. Ids and times
are left out. Of the product it imports `backend.samples` alone, so that it runs on a tree whose modules have moved.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import requests

from backend.samples import clear_scenes, data_uri, request, samples

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / ".." / "shared" / "data" / "label-studio-requests"
DEMO = 4  # scenes, as many as `make demo` asks about
SIDE = 512
PATIENCE = 120.0  # seconds until the models are loaded
CHANGING = ("id", "parentID", "created_at", "updated_at")

Body = dict[str, Any]


def main(scenes: int) -> None:
    """Print a hash for each group of answers, and one of them all."""
    everything = hashlib.sha256()
    numbers = count(1)
    with tempfile.TemporaryDirectory() as folder, _pictures() as studio, _server(studio, Path(folder)) as url:
        for group, bodies in _groups(scenes):
            answers = [_asked(url, body, f"{number}.1795168390") for body, number in zip(bodies, numbers, strict=False)]
            told = "\n".join(answers).encode()
            everything.update(told)
            print(f"{group:8}  {len(answers):5}  {hashlib.sha256(told).hexdigest()}", flush=True)
    print(f"{'all':8}  {next(numbers) - 1:5}  {everything.hexdigest()}")


def _groups(scenes: int) -> Iterator[tuple[str, list[Body]]]:
    recorded = sorted(RECORDED.glob("predict-*.json"))
    yield "recorded", [json.loads(file.read_text(encoding="utf-8"))["body"] for file in recorded]
    drawn = clear_scenes(DEMO + scenes, SIDE)
    for group, some in (("demo", drawn[:DEMO]), ("scenes", drawn[DEMO:])):
        yield group, [request(scene.image, sample.items) for scene in some for sample in samples(scene)]


def _asked(url: str, body: Body, project: str) -> str:
    """An answer as text. Each request has a project of its own: no session joins it to another."""
    response = requests.post(f"{url}/predict", json={**body, "project": project}, timeout=300)
    said = response.json() if response.headers["Content-Type"].startswith("application/json") else response.text
    return json.dumps([response.status_code, _lasting(said)], sort_keys=True, ensure_ascii=False)


def _lasting(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _lasting(each) for name, each in value.items() if name not in CHANGING}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


@contextmanager
def _server(studio: str, folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANYWORD_")}
    own = {"LABEL_STUDIO_URL": studio, "DATABASE": f"sqlite:///{folder}/anyword.db", "SPOOL": str(folder / "spool")}
    environ = inherited | {f"ANYWORD_{name}": value for name, value in own.items()}
    command = [sys.executable, "-m", "backend", "serve", "--port", str(port)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(f"http://127.0.0.1:{port}/ready", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except (requests.ConnectionError, requests.Timeout):  # not open yet
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


@contextmanager
def _pictures() -> Iterator[str]:
    """A Label Studio that has one scene under every path."""
    encoded = data_uri(clear_scenes(1, 320)[0].image[:240])
    png = base64.b64decode(encoded.partition(",")[2])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(png)))
            self.end_headers()
            self.wfile.write(png)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing beside the hashes."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=200, help="generated scenes (default: %(default)s)")
    main(parser.parse_args().scenes)
