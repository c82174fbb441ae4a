"""A PostgreSQL 15 of Debian's, thrown away after the tests: it listens on loopback only."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

BINARIES = Path("/usr/lib/postgresql/15/bin")
USER = "postgres"  # Debian's package makes it; the server refuses to run as root
SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "60", "unix_socket_directories": ""}
SECONDS = "30"


@dataclass(frozen=True, slots=True)
class Owner:
    """The superuser; without a password, everybody who asks is trusted."""

    name: str = "anyword"
    password: str = ""


class Postgres:
    """A server in a folder of its own: `start`, `stop`, `restart` and `kill` it as a test needs."""

    def __init__(self, folder: Path, port: int, owner: Owner) -> None:
        """Make an empty server in a folder that the server's user may write in."""
        self.data = folder / "data"
        self.port, self.owner = port, owner
        word = folder / "password"
        word.write_text(owner.password or "unused")
        how = "scram-sha-256" if owner.password else "trust"
        options = (f"--auth={how}", f"--pwfile={word}", f"--username={owner.name}", "--encoding=UTF8", "--no-locale")
        _run("initdb", f"--pgdata={self.data}", "--no-sync", *options)

    def start(self) -> None:
        """Return when it answers."""
        settings = {**SETTINGS, "listen_addresses": "127.0.0.1", "port": str(self.port)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        self._control("start", f"--log={self.data}/log", f"--options={options}")

    def stop(self) -> None:
        """End all connections and return when it has ended; nothing that was committed is lost."""
        self._control("stop", "--mode=fast")

    def restart(self) -> None:
        """Stop and start."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it as a power cut would, as far as its own memory goes; `start` recovers from its log."""
        self._control("stop", "--mode=immediate")

    def make(self) -> str:
        """The URL of a new, empty database."""
        name = f"t{uuid.uuid4().hex}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://anyword@127.0.0.1:{self.port}/{name}"

    def drop(self, url: str) -> None:
        """Remove a database that `make` made, whoever is still connected."""
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE {url.rsplit('/', 1)[1]} WITH (FORCE)".encode())

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """A superuser's connection, which commits each statement."""
        address = f"postgresql://{self.owner.name}:{self.owner.password}@127.0.0.1:{self.port}/postgres"
        return psycopg.connect(address, autocommit=True)

    def _control(self, verb: str, *options: str) -> None:
        _run("pg_ctl", verb, f"--pgdata={self.data}", "--wait", f"--timeout={SECONDS}", "--silent", *options)


def missing() -> str:
    """Why no server can be started here; empty where one can."""
    return "" if (BINARIES / "pg_ctl").exists() else "PostgreSQL 15 is not installed: `make postgres` installs it"


@contextmanager
def running(owner: Owner = Owner()) -> Iterator[Postgres]:
    """A started server, which is ended and removed with the block."""
    folder = Path(tempfile.mkdtemp(prefix="anyword-postgres-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER, USER)
        server = Postgres(folder, _free_port(), owner)
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _run(program: str, *options: str) -> None:
    as_user = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups") if os.geteuid() == 0 else ()
    command: Sequence[str] = (*as_user, str(BINARIES / program), *options)
    done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")
