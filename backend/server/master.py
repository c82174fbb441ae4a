"""Gunicorn's first process: it opens the port, starts workers, and stops them."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
import sys
from typing import Any, NoReturn

from gunicorn import sock
from gunicorn.arbiter import Arbiter

from backend.server.stand_in import PortHandover, StandIn
from model.errors import Misconfigured

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
AT_ONCE = 2  # seconds for a worker that is to end at once; gunicorn's, after a second signal
INHERITED = {"LISTEN_FDS", "GUNICORN_FD"}  # variables that name sockets which another process has opened
REMEDIES = {
    errno.EADDRINUSE: "another program listens there: end it, or choose another port (ANYWORD_PORT, --port)",
    errno.EACCES: "this user may not: choose a port from 1024 on (ANYWORD_PORT, --port)",
    errno.EADDRNOTAVAIL: "this machine does not have that address (ANYWORD_HOST, --host)",
}


class Master(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """The first SIGTERM or SIGINT finishes what runs, the second ends the server at once.

    While no worker accepts connections, a stand-in does, except before the first worker.
    """

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._asked = 0
        self._stand_in = StandIn()

    def signal(self, sig: int, frame: object) -> None:
        """Queue a signal; gunicorn calls this."""
        if sig in (signal.SIGTERM, signal.SIGINT):
            self._asked += 1
            sig = signal.SIGTERM if self._asked == 1 else signal.SIGINT
        super().signal(sig, frame)

    def start(self) -> None:
        """Open the port; gunicorn would try for five seconds. Raises Misconfigured where that fails."""
        if not INHERITED & os.environ.keys():
            self.LISTENERS = [self._listener(*self.app.place)]
        super().start()

    def stop(self, graceful: bool = True) -> None:
        """Stop the workers, at once where a second signal came before the first was handled."""
        self._stand_in.stop()
        graceful = graceful and self._asked < 2
        if not graceful:
            self.cfg.set("graceful_timeout", AT_ONCE)
        super().stop(graceful)

    def spawn_worker(self) -> int:
        """Fork a worker, without other threads, and with signals blocked until it has handlers of its own."""
        self._stand_in.stop()
        self.app.line = line = PortHandover() if self.worker_age > 0 and not self.WORKERS else None
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            pid: int = super().spawn_worker()
        except SystemExit as end:  # in the worker
            _leave(end)
        if line is not None:
            self._stand_in.start(self.LISTENERS[0].sock, line)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        return pid

    def _listener(self, host: str, port: int) -> sock.TCPSocket:
        kind = sock.TCP6Socket if ":" in host else sock.TCPSocket
        try:
            return kind((host, port), self.cfg, self.log)
        except socket.gaierror:
            raise Misconfigured(f"{host!r} is not an address of this machine (ANYWORD_HOST, --host)") from None
        except OSError as error:
            remedy = REMEDIES.get(error.errno or 0, f"{error.strerror} (ANYWORD_HOST, --host)")
            raise Misconfigured(f"Port {port} of {host} cannot be opened: {remedy}") from error


def _leave(end: SystemExit) -> NoReturn:
    """End a worker, which is closed by now: the interpreter would take seconds to free the models."""
    logging.shutdown()
    with contextlib.suppress(OSError):  # nobody reads them any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(end.code if isinstance(end.code, int) else 0)
