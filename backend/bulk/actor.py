"""What an actor of a cluster does: it answers orders with its own models, and has no database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from backend import __version__, certificates
from backend.bulk.orders import LOADING, Order, OrderReply, answered
from backend.bulk.service import service
from backend.inference.model_loader import EngineProtocol
from backend.inference.model_version import model_version
from backend.inference.predict import Predictor
from backend.server.threads import wait_briefly
from backend.settings import Settings
from model.errors import AnywordError


class Actor:
    """Answers orders once it is started; threads may share it. It ends with its process."""

    _predictions: Predictor

    def __init__(self) -> None:
        self._open = ExitStack()  # held: the service ends with it

    def version(self) -> str:
        """Of Anyword on this node, which is asked before anything is sent that another version could not read."""
        return __version__

    def start(self, settings: Settings, load: Callable[[], EngineProtocol] | None, version: str = "") -> str:
        """Load the models. Returns what the operator has to change first; empty where all is well.

        version: what the machine that asks calls its models; they have to be the same here.
        """
        wait_briefly()
        if version and version != (own := model_version(settings)):
            return f"its models are {own}, and here {version}: have the same checkpoints on every machine"
        if settings.local_files_root and not Path(settings.local_files_root).is_dir():
            return "ANYWORD_LOCAL_FILES_ROOT is no folder there: mount it on every node, or leave the setting empty"
        try:
            certificates.share()
            self._predictions = self._open.enter_context(service(settings, load))
            self._predictions.loader.wait(LOADING)
        except AnywordError as error:
            return str(error)
        return ""

    def answer(self, order: Order) -> OrderReply:
        """Predict; a task that fails is a reply, too."""
        [reply] = answered(self._predictions, [order])
        return reply
