"""The same service as a model of Label Studio's official runner, `label_studio_ml` 2.x.

For those who have the runner in place; our own server needs none of it. A file `_wsgi.py` of three lines serves it, in
one process, as the models are in memory once (gunicorn --workers 1 --threads 16 _wsgi:app):

    from label_studio_ml.api import init_app
    from backend.label_studio_ml_model import AnywordModel
    app = init_app(model_class=AnywordModel)

Nothing is learned here: the runner tells projects apart by a number that another project may have had.
The settings are our own. The runner tells its models nothing of Label Studio's address: pictures with a relative one
need ANYWORD_LABEL_STUDIO_URL or LABEL_STUDIO_URL. Importing the runner makes a file cache.db in the folder MODEL_DIR.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from label_studio_ml.exceptions import AnswerException
from label_studio_ml.model import LabelStudioMLBase
from label_studio_ml.response import ModelResponse

from backend.labelstudio import label_config
from backend.labelstudio.label_config import LabelConfig
from backend.problems import Problem, entries, problem, trouble
from backend.server import official_runner


class AnywordModel(LabelStudioMLBase):  # type: ignore[misc]  # the runner has no types
    """What one request is answered with: the runner makes a model for each, all of them share one service."""

    config: LabelConfig | None = None

    def use_label_config(self, label_config_xml: str) -> None:
        """Check the labelling config before the runner keeps it."""
        with _refusing():
            self.config = label_config.read(label_config_xml)
        super().use_label_config(label_config_xml)

    def setup(self) -> None:
        """Name the models: the runner calls this for each request, and /setup answers with what is set here."""
        with _refusing():
            version = official_runner.version(official_runner.service(), self.project_id, self.config)
            self.set("model_version", version)

    def set_extra_params(self, extra_params: object) -> None:
        """Keep nothing: these are not used here, and the runner fails on the object that Label Studio may send."""

    def predict(self, tasks: Any, context: Any = None, **_: Any) -> ModelResponse:
        """Answer each task; an error is the answer only where every task failed."""
        with _refusing():
            service = official_runner.service()
            version = service.teaching.in_force(self.project_id, self.config).version
            outcomes = service.answer(official_runner.asked(tasks, context, self.config, self.project_id))
        refused = trouble(outcomes)
        if refused is not None:
            raise _refusal(refused)
        return ModelResponse(model_version=version, predictions=entries(outcomes))

    def fit(self, event: str, data: Any, **_: Any) -> dict[str, str]:  # noqa: ARG002  (as our own /webhook)
        """Take note of an event; nothing is learned from it here."""
        return {"status": "ignored"}


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the boundary to the runner, which would send a trace to the client
        raise _refusal(problem(error)) from None


def _refusal(refused: Problem) -> AnswerException:
    """The runner's own error, with an empty trace; Flask takes a status with its reason phrase, the part that shows."""
    return AnswerException(refused.status_line, refused.message, {"traceback": ""})
