"""The server process: gunicorn with one worker and many threads."""

from __future__ import annotations

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.errors import AppImportError

from backend.settings import Settings
from model.errors import Misconfigured


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Gunicorn with our options in place of a configuration file."""

    def __init__(self, settings: Settings, host: str, port: int) -> None:
        self._app: Flask | None = None
        self._chosen: dict[str, Any] = {
            "bind": f"{host}:{port}",
            "workers": 1,  # one process owns the models
            "worker_class": "gthread",
            "threads": settings.threads,
            "timeout": 120,  # without a heartbeat, which a long prediction does not hold up
            "graceful_timeout": 10,
            "control_socket_disable": True,
            "loglevel": settings.log_level.lower(),
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

    def _close(self, _server: object, _worker: object) -> None:
        """Gunicorn calls this in the worker once the last request is answered; one that did not start has no app."""
        if self._app is not None:
            from backend.app import close

            close(self._app)
