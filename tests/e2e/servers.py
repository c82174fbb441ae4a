"""A real Label Studio server and our own, each a process on a free port of this machine."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from backend.server.child_process import ROOT, free_port, running

LABEL_STUDIO = ROOT / ".venv-label-studio" / "bin" / "label-studio"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may log in."""

    email: str
    password: str = field(default_factory=lambda: secrets.token_hex(10))


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, the key that opens its API, and who may log in."""

    url: str
    key: str = ""
    owner: Account = Account("admin@example.com")


class Backend:
    """Our server with its embedded models, which can be stopped, killed and started again on the same port."""

    def __init__(self, folder: Path, server: Address, **environ: str) -> None:
        self._port = free_port()
        self._log = folder / "backend.log"
        self.environ = {
            "ANYWORD_LABEL_STUDIO_URL": server.url,
            "ANYWORD_LABEL_STUDIO_API_KEY": server.key,
            "ANYWORD_DATABASE": f"sqlite:///{folder / 'anyword.sqlite'}",
            **environ,
        }
        self._process = ExitStack()
        self._pid = 0
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until the models are loaded."""
        command = [sys.executable, "-m", "backend", "serve", "--port", str(self._port)]
        started = running(command, self.environ, self._log, (f"{self.url}/ready", 120))
        self._pid = self._process.enter_context(started).pid

    def logs(self, text: str, seconds: float = 60) -> bool:
        """Whether its log holds this text, now or soon."""
        deadline = time.monotonic() + seconds
        while text not in (log := self._log.read_text(errors="replace")) and time.monotonic() < deadline:
            time.sleep(0.1)
        return text in log

    def stop(self) -> None:
        """End it as a service manager does."""
        self._process.close()

    def kill(self) -> None:
        """End it as a power cut does."""
        server = psutil.Process(self._pid)
        for process in (server, *server.children(recursive=True)):
            process.kill()
        self._process.close()


@contextmanager
def label_studio(folder: Path) -> Iterator[Address]:
    """Run Label Studio on an empty data folder with a user and a legacy token; its first start takes a minute."""
    address = Address(f"http://localhost:{free_port()}", secrets.token_hex(20))
    with _label_studio(folder, address, {"ML_BLOCK_LOCAL_IP": "false", "SSRF_PROTECTION_ENABLED": "false"}):
        yield address


@contextmanager
def guarded(folder: Path, server: Address, own: Path) -> Iterator[Address]:
    """Run a copy of a Label Studio, with what is in `folder`, as it is by default: it refuses private addresses."""
    name = "label_studio.sqlite3"
    shutil.copytree(folder / "data", own / "data", ignore=shutil.ignore_patterns(f"{name}*"))
    with (
        closing(sqlite3.connect(folder / "data" / name)) as there,
        closing(sqlite3.connect(own / "data" / name)) as here,
    ):
        there.backup(here)
    address = replace(server, url=f"http://localhost:{free_port()}")
    with _label_studio(own, address, {}):
        yield address


@contextmanager
def _label_studio(folder: Path, address: Address, chosen: Mapping[str, str]) -> Iterator[None]:
    port = str(urlsplit(address.url).port)
    environ = {
        **chosen,
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
        "LABEL_STUDIO_HOST": address.url,
        "LABEL_STUDIO_USERNAME": address.owner.email,
        "LABEL_STUDIO_PASSWORD": address.owner.password,
        "LABEL_STUDIO_USER_TOKEN": address.key,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LOG_LEVEL": "WARNING",
    }
    command = [str(LABEL_STUDIO), "start", "--no-browser", "--port", port, "--internal-host", "127.0.0.1"]
    with running(command, environ, folder / "label-studio.log", (f"{address.url}/health", 240)):
        yield


@contextmanager
def backend(folder: Path, server: Address) -> Iterator[Backend]:
    """Run our server until the block ends."""
    ours = Backend(folder, server)
    ours.start()
    try:
        yield ours
    finally:
        ours.stop()
