"""The server process: gunicorn with one worker and many threads, and how it stops."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from functools import partial
from selectors import EVENT_READ
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import AppImportError
from gunicorn.workers.gthread import TConn, ThreadWorker

from backend import logs
from backend.settings import Settings
from backend.store.sqlite_file import one_server
from model.errors import Misconfigured

FINISHING = 100  # seconds that running requests have after SIGTERM: Label Studio waits for a prediction no longer
HEARTBEAT = 120  # seconds without a sign of life after which gunicorn puts another worker in a worker's place; ours
FLUSHING = 10  # seconds after those for the threads behind: the event under way, offers, the lease of learning; ours
SILENT, ARRIVING = 10, 20  # seconds for a connection's first byte, and for a request's last; ours


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's worker, whose port stays open while it finishes: who comes then is refused, and need not wait."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._arriving: dict[TConn, float] = {}  # the connections that threads work on: when their requests are late

    def init_process(self) -> None:
        """Leave the worker less time than the process has, so that some is left for the threads behind."""
        self.cfg.set("graceful_timeout", FINISHING)
        super().init_process()

    def notify(self) -> None:
        """Give the sign of life, which a long prediction does not hold up; there is none where the models hang."""
        if not self.app.hangs:
            super().notify()

    def handle_exit(self, sig: int, frame: object) -> None:
        """SIGTERM: finish what runs. No lock may be taken in here, so the app is told from the main loop."""
        super().handle_exit(sig, frame)
        self.method_queue.defer(self.app.stop)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Go on accepting connections while requests are finished: the app refuses what is new."""
        if enabled or self.alive:
            super().set_accept_enabled(enabled)

    def enqueue_req(self, conn: TConn) -> None:
        """Let a new connection take a thread with its first byte: gunicorn would wait for that in the thread."""
        if conn.data_ready or conn.initialized or not self.alive:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + SILENT
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: TConn) -> object:
        """Read and answer a request, in a thread that a client which stops sending must not keep."""
        self._arriving[conn] = time.monotonic() + ARRIVING
        try:
            return super().handle(conn)
        finally:
            self._arriving.pop(conn, None)

    def murder_pending(self) -> None:
        """End what does not arrive; the main loop calls this. One that is there, and is answered, does not notice."""
        super().murder_pending()
        for conn, until in list(self._arriving.items()):
            if until < time.monotonic():
                self._arriving.pop(conn, None)
                with contextlib.suppress(OSError):  # the client has ended it
                    conn.sock.shutdown(socket.SHUT_RD)

    def run(self) -> None:
        """Serve until the last request is answered, then close the port: nobody is to wait in its queue."""
        super().run()
        for listener in self.sockets:
            listener.close()


class Master(Arbiter):  # type: ignore[misc]
    """Gunicorn's first process, in which a second SIGTERM counts as SIGINT: it ends at once."""

    _asked = False

    def signal(self, sig: int, frame: object) -> None:
        """Queue a signal; gunicorn calls this."""
        again, self._asked = self._asked, self._asked or sig == signal.SIGTERM
        super().signal(signal.SIGINT if again and sig == signal.SIGTERM else sig, frame)


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn with our options in place of a configuration file."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self._app: Flask | None = None
        self._database = settings.database
        self._chosen: dict[str, Any] = {
            "bind": f"{host}:{port}",
            "workers": 1,  # one process owns the models
            "worker_class": Worker,
            "threads": settings.threads,
            "timeout": HEARTBEAT,
            "graceful_timeout": FINISHING + FLUSHING,
            "control_socket_disable": True,
            "logconfig_dict": logs.config(settings),
            "worker_exit": self._close,
        }
        super().__init__()

    def load_config(self) -> None:
        """Set the options; gunicorn calls this."""
        for name, value in self._chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the app; gunicorn calls this in the worker. What is set wrong ends the server with one line."""
        try:
            from backend.wsgi import app  # here, as the port is to open first
        except Misconfigured as error:
            raise AppImportError(f"python -m backend: {error}") from error
        self._app = app
        return app

    def run(self) -> None:
        """Serve until a signal ends it. Raises Misconfigured where another server has the database's file."""
        with one_server(self._database):
            Master(self).run()

    @property
    def hangs(self) -> bool:
        """Whether the models do."""
        return self._app is not None and bool(self._app.extensions["anyword-lane"].trouble)

    def stop(self) -> None:
        """Have the app refuse what is new; the worker calls this after SIGTERM."""
        if self._app is not None:
            self._app.extensions["anyword-lane"].stop()

    def _close(self, _server: object, _worker: object) -> None:
        """Gunicorn calls this in the worker once the last request is answered; one that did not start has no app."""
        if self._app is not None:
            from backend.app import close

            close(self._app)
