"""The server process: gunicorn with one worker and many threads."""

from __future__ import annotations

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from backend.settings import Settings


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn with our options in place of a configuration file."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self._chosen: dict[str, Any] = {
            "bind": f"{host}:{port}",
            "workers": 1,  # one process owns the models
            "worker_class": "gthread",
            "threads": settings.threads,
            "timeout": 120,  # without a heartbeat, which a long prediction does not hold up
            "graceful_timeout": 10,
            "control_socket_disable": True,
            "loglevel": settings.log_level.lower(),
            "worker_exit": _close,
        }
        super().__init__()

    def load_config(self) -> None:
        """Set the options; gunicorn calls this."""
        for name, value in self._chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the app; gunicorn calls this in the worker."""
        from backend.wsgi import app  # here, as the port is to open first

        return app


def _close(_server: object, _worker: object) -> None:
    """Gunicorn calls this in the worker once the last request is answered."""
    from backend.app import close
    from backend.wsgi import app

    close(app)
