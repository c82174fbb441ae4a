"""The server process: gunicorn with one worker and many threads, and how it stops."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from functools import partial
from selectors import EVENT_READ
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.errors import AppImportError
from gunicorn.workers.gthread import TConn, ThreadWorker

from backend.observability import logs
from backend.server.master import STOPS, Master
from backend.server.stand_in import PortHandover
from backend.settings import Settings
from backend.store.connection.sqlite_file import one_server
from model.errors import Misconfigured

FINISHING = 100  # seconds that running requests have after SIGTERM: Label Studio waits for a prediction no longer
HEARTBEAT = 120  # seconds without a sign of life after which gunicorn puts another worker in a worker's place; ours
FLUSHING = 10  # seconds after those for the threads behind: the event under way, offers, the lease of learning; ours
SILENT, ARRIVING = 10, 20  # seconds for a connection's first byte, and for a request's last; ours
# heuristic: seconds in which a stopping server expects a request on a kept connection, or the first byte on a new one
KEPT, NEW = 0.3, 1.0


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn's worker, whose port stays open while it finishes: who comes then is refused, and need not wait."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._arriving: dict[TConn, float] = {}  # the connections that threads work on: when their requests are late

    def init_process(self) -> None:
        """Leave the worker less time than the process has, so that some is left for the threads behind."""
        self.cfg.set("graceful_timeout", FINISHING)
        super().init_process()

    def init_signals(self) -> None:
        """Take signals from now on: the master blocks them while it forks, and they would meet its handlers.

        A terminal sends SIGINT to every process of the server. The master decides what follows from it.
        """
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)

    def notify(self) -> None:
        """Give the sign of life, which a long prediction does not hold up; there is none where the models hang."""
        if not self.app.hangs:
            super().notify()

    def handle_exit(self, sig: int, frame: object) -> None:
        """SIGTERM: finish what runs. No lock may be taken in here, so the app is told from the main loop."""
        self._leave_early()
        super().handle_exit(sig, frame)
        self.method_queue.defer(self.app.stop)

    def handle_quit(self, sig: int, frame: object) -> None:
        """SIGQUIT: end without waiting for requests."""
        self._leave_early()
        super().handle_quit(sig, frame)

    def _leave_early(self) -> None:
        """End at once while the app is imported: no request has begun. SystemExit would leave an import's traceback."""
        if not self.booted:
            os._exit(0)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Go on accepting connections while requests are finished: the app refuses what is new."""
        if enabled or self.alive:
            super().set_accept_enabled(enabled)

    def enqueue_req(self, conn: TConn) -> None:
        """Let a new connection take a thread with its first byte: gunicorn would wait for that in the thread."""
        if conn.data_ready or conn.initialized:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + (SILENT if self.alive else NEW)
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
        if self.app.line is not None:
            self.app.line.take_over()
        super().run()
        for listener in self.sockets:
            listener.close()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Look more often than once a second whether the last connection has ended, when the server stops."""
        super().wait_for_and_dispatch_events(timeout if self.alive else min(timeout, KEPT))

    def _cap_keepalive(self, deadline: float) -> None:
        """Close idle connections soon; gunicorn calls this when it stops, and would keep them for 2 s."""
        now = time.monotonic()
        super()._cap_keepalive(min(deadline, now + KEPT))
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, now + NEW)


class GunicornServer(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn with our options in place of a configuration file."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self._app: Flask | None = None
        self._database = settings.database
        self.place = (host.strip("[]"), port)
        self.line: PortHandover | None = None  # from a worker to the stand-in before it
        self._chosen: dict[str, Any] = {
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
            from backend.server.wsgi import app  # here, as the port is to open first
        except Misconfigured as error:
            raise AppImportError(f"python -m backend: {error}") from error
        self._app = app
        return app

    def run(self) -> None:
        """Serve until a signal ends it.

        Raises Misconfigured where the port cannot be opened, and where another server has the database's file.
        """
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
            from backend.server.app import close

            close(self._app)
