"""A real Label Studio server and our own, each a process on a free port of this machine."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.process import ROOT, free_port, running, serving

LABEL_STUDIO = ROOT / ".venv-label-studio" / "bin" / "label-studio"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, and the key that opens it."""

    url: str
    key: str = ""


@contextmanager
def label_studio(folder: Path) -> Iterator[Address]:
    """Run Label Studio on an empty data folder with a user and a legacy token; its first start takes a minute."""
    port = free_port()
    address = Address(f"http://localhost:{port}", secrets.token_hex(20))
    environ = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"),
        "LABEL_STUDIO_HOST": address.url,
        "LABEL_STUDIO_USERNAME": "admin@example.com",
        "LABEL_STUDIO_PASSWORD": secrets.token_hex(10),
        "LABEL_STUDIO_USER_TOKEN": address.key,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "ML_BLOCK_LOCAL_IP": "false",
        "SSRF_PROTECTION_ENABLED": "false",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LOG_LEVEL": "WARNING",
    }
    command = [str(LABEL_STUDIO), "start", "--no-browser", "--port", str(port), "--internal-host", "127.0.0.1"]
    with running(command, environ, folder / "label-studio.log", (f"{address.url}/health", 240)):
        yield address


@contextmanager
def backend(folder: Path, server: Address) -> Iterator[Address]:
    """Run our server with its embedded models, and wait until they are loaded."""
    settings = {"ANYWORD_LABEL_STUDIO_URL": server.url, "ANYWORD_LABEL_STUDIO_API_KEY": server.key}
    with serving(settings, folder / "backend.log") as url:
        yield Address(url)
