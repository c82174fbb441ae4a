"""README's installation for a team, with a process in the place of each container and the same variables."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from backend.server.child_process import free_port, running
from tests import postgres
from tests.docker.files import FOLDER, documents, variables
from tests.e2e.servers import LABEL_STUDIO
from tests.postgres import BINARIES, Owner, Postgres

EMAIL = "owner@example.com"
QUIET = {"COLLECT_ANALYTICS": "false", "LATEST_VERSION_CHECK": "false", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": ""}


@dataclass(frozen=True, slots=True)
class Team:
    """What runs: addresses, the variables of docker/.env, and those that compose.yaml gives the backend."""

    label_studio: str
    backend: str
    secrets: Mapping[str, str]
    environ: Mapping[str, str]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What `docker compose exec anyword python -m backend ...` runs."""
        return subprocess.run(
            [sys.executable, "-m", "backend", *arguments],
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


@contextmanager
def team(folder: Path) -> Iterator[Team]:
    """Make the secrets, start PostgreSQL, Label Studio and the backend, and end them with the block."""
    secrets = written(folder)
    with postgres.running(Owner("labelstudio", secrets["POSTGRES_PASSWORD"])) as server:
        _prepare(server, secrets)
        with _served(folder, server, secrets) as served:
            yield served


@contextmanager
def _served(folder: Path, postgres: Postgres, secrets: Mapping[str, str]) -> Iterator[Team]:
    ports = {"label-studio:8080": free_port(), "anyword.backend:9090": free_port(), "@postgres/": postgres.port}
    studio, ours = (_variables(name, secrets, ports) for name in ("label-studio", "anyword"))
    team = Team(
        f"http://localhost:{ports['label-studio:8080']}",
        f"http://127.0.0.1:{ports['anyword.backend:9090']}",
        secrets,
        ours | {"ANYWORD_DEVICE": "cpu"},
    )
    own = {"LABEL_STUDIO_BASE_DATA_DIR": str(folder / "data"), "LABEL_STUDIO_HOST": team.label_studio, **QUIET}
    place = {"POSTGRE_HOST": "127.0.0.1", "POSTGRE_PORT": str(postgres.port), "LOG_LEVEL": "WARNING"}
    start = [str(LABEL_STUDIO), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port"]
    serve = [sys.executable, "-m", "backend", "serve", "--port", str(urlsplit(team.backend).port)]
    with (
        running(
            [*start, str(urlsplit(team.label_studio).port)],
            {**studio, **own, **place},
            folder / "label-studio.log",
            (f"{team.label_studio}/health", 300),
        ),
        running(serve, team.environ, folder / "backend.log", (f"{team.backend}/ready", 120)),
    ):
        yield team


def written(folder: Path) -> dict[str, str]:
    """What docker/secrets.sh makes of docker/env.example, in a folder of its own."""
    for name in ("secrets.sh", "env.example"):
        shutil.copy(FOLDER / name, folder)
    subprocess.run(["sh", str(folder / "secrets.sh"), EMAIL], check=True, capture_output=True)
    return variables(folder / ".env")


def _variables(service: str, secrets: Mapping[str, str], ports: Mapping[str, int]) -> dict[str, str]:
    """The environment of a service in compose.yaml, its hosts replaced by loopback."""
    given = documents("compose.yaml")[0]["services"][service]["environment"]
    filled = {
        name: re.sub(r"\$\{(\w+)[^}]*\}", lambda found: secrets[found[1]], value) for name, value in given.items()
    }
    for host, port in ports.items():
        here = f"@127.0.0.1:{port}/" if host.startswith("@") else f"localhost:{port}"
        filled = {name: value.replace(host, here) for name, value in filled.items()}
    return {name: value for name, value in filled.items() if value}


def _prepare(postgres: Postgres, secrets: Mapping[str, str]) -> None:
    """What PostgreSQL's image does on an empty folder: Label Studio's database, then postgres.sh."""
    with postgres.connect() as connection:
        connection.execute(b"CREATE DATABASE labelstudio")
    environ = {
        "PATH": f"{BINARIES}:{os.environ['PATH']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres.port),
        "PGPASSWORD": postgres.owner.password,
        "POSTGRES_USER": postgres.owner.name,
        "POSTGRES_DB": "labelstudio",
        "BACKEND_DATABASE_PASSWORD": secrets["BACKEND_DATABASE_PASSWORD"],
    }
    subprocess.run(["sh", str(FOLDER / "postgres.sh")], env=environ, check=True, capture_output=True)
