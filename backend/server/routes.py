"""The routes of Label Studio's wire protocol, and of the probes."""

from __future__ import annotations

import hmac
from typing import Any

from flask import Response, abort, g, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from werkzeug.exceptions import MethodNotAllowed

from backend.inference.predict import Predictor, event_of
from backend.inference.predict_request import PredictRequest
from backend.labelstudio import label_config, size_limits
from backend.observability import logs
from backend.observability.instrument import project_id, refused
from backend.page.advice import advice
from backend.page.journal import ConnectedProject
from backend.page.pages import wants_page
from backend.pictures.prefetch import Prefetch
from backend.problems import Problem, entries, problem, trouble
from backend.prompting.prompts import pre_annotation
from backend.server.events import Events
from backend.server.openapi import description
from backend.settings import Settings
from backend.webhooks.receive import EventRecorder
from model.errors import Misconfigured
from model.runtime.scheduler import STOPPING

WEBHOOK = "/webhook"
WITHOUT_PASSWORD = ("/", "/health", "/ready", WEBHOOK)  # probes, and events: Label Studio sends those without one
WITHOUT_SECRET = (
    "The event came without the secret: let the webhook's address in Label Studio end in /webhook/<secret>, with the "
    "secret of ANYWORD_WEBHOOK_SECRET, or give the webhook a header X-Anyword-Secret. Start Training can bring a user "
    "name and a password only: set ANYWORD_BASIC_AUTH_USER and _PASSWORD, and give them to the model in Label Studio"
)
MEGABYTE = 1_000_000


class Service:
    """The routes, which remember nothing themselves."""

    def __init__(
        self, settings: Settings, predictions: Predictor, events: Events, prefetch: Prefetch, recorder: EventRecorder
    ) -> None:
        self._settings = settings
        self._predictions = predictions
        self._loader, self._lane = predictions.loader, predictions.lane
        self._metrics = predictions.watch.metrics
        self._events = events
        self._prefetch = prefetch
        self._journal = predictions.journal
        self._recorder = recorder

    def health(self) -> Response:
        """Say that the server lives, or that its models hang and only a new start will help."""
        if stalled := self._lane.trouble:
            response = jsonify(status="DOWN", model_class="Anyword", error=stalled)
            response.status_code = 503
            return response
        progress = self._loader.progress
        return jsonify(status="UP", model_class="Anyword", **({"loading": progress} if progress else {}))

    def setup(self) -> Response:
        """Check the labelling config of a project and name the model."""
        body = self._body()
        schema, hostname = _required(body, "schema", str), str(body.get("hostname") or "")
        config = label_config.read(schema)
        asked = pre_annotation(config).clauses
        self._journal.see(ConnectedProject(str(body.get("project")), hostname, advice(schema), asked))
        if self._loader.failure:
            raise Misconfigured(self._loader.failure)
        project = str(body.get("project"))
        self._recorder.met(project, hostname, schema)
        return jsonify(model_version=self._predictions.teaching.in_force(project, config).version)

    def predict(self) -> Response:
        """Answer each task; an error is the answer only where every task failed."""
        body = self._body()
        params = body.get("params")
        ask = PredictRequest(
            tasks=_required(body, "tasks", list),
            context=params.get("context") if isinstance(params, dict) else None,
            config=label_config.read(_required(body, "label_config", str)),
            hostname=str(body.get("hostname") or self._recorder.hostname(str(body.get("project")))),
            project=str(body.get("project")),
        )
        if event_of(ask.context) is not None:
            return jsonify(results=self._events.answer(ask))
        outcomes = self._predictions.answer(ask)
        self._prefetch.asked(ask)
        if refused_with := trouble(outcomes):
            return _refusal(refused_with)
        return jsonify(results=entries(outcomes))

    def webhook(self, secret: str = "") -> Response:
        """Record an event at once: the annotator's own request waits for it."""
        if not self._may_tell(secret):
            self._recorder.turned_away()
            abort(401, WITHOUT_SECRET)
        taken = self._recorder.take(self._data())
        return jsonify(status=taken.outcome, **({"message": taken.message} if taken.message else {}))

    def ready(self) -> Response:
        """Say whether predictions can start at once, and if not, why."""
        status, error = self._readiness()
        if status == "ready":
            return jsonify(status=status)
        response = jsonify(status=status, error=error)
        response.status_code = 503
        return response

    def metrics(self) -> Response:
        """Counts and times in Prometheus' text format."""
        return Response(generate_latest(self._metrics.registry), content_type=CONTENT_TYPE_LATEST)

    def openapi(self) -> Response:
        """Describe every route as OpenAPI does."""
        return jsonify(description())

    def guard(self) -> None:
        """Ask for the password where one is set, and turn away bodies that are too large."""
        if not _welcome(self._settings):
            abort(401, "Wrong or missing user name and password")
        size, limit = (request.content_length or 0) / MEGABYTE, self._settings.max_body_mb
        if size > limit:
            _drain()
            abort(413, f"The request has {size:.0f} MB, ANYWORD_MAX_BODY_MB is {limit}")
        if (packed := request.headers.get("Content-Encoding", "identity").strip().lower()) != "identity":
            abort(415, f"Content encoding is {packed}, but the body has to be sent as it is")

    def refuse(self, error: Exception) -> Response:
        """Turn any error into a status, a reason phrase and a message."""
        told = problem(error)
        self._metrics.errors.labels(told.kind).inc()
        if request.method == "POST":  # what Label Studio asks; a mistyped address in a browser tells nobody anything
            path = WEBHOOK if request.path.startswith(WEBHOOK) else request.path  # a secret may stand behind it
            self._journal.fail(told, ", ".join([path, *g.get("project", ())]))
        response = _refusal(told)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(error.valid_methods)
        return response

    def _readiness(self) -> tuple[str, str]:
        """How things stand, in a word, and what is wrong."""
        if self._lane.stopping:
            return "stopping", STOPPING
        if stalled := self._lane.trouble:
            return "stalled", stalled
        if self._loader.loaded:
            return "ready", ""
        if self._loader.failure:
            return "failed", self._loader.failure
        return "loading", self._loader.progress

    def _may_tell(self, secret: str) -> bool:
        """Whether an event brought the secret, or the password: that is what START_TRAINING can bring."""
        wanted = self._settings.webhook_secret
        given = (secret, request.headers.get("X-Anyword-Secret", ""))
        brought = [hmac.compare_digest(each.encode("utf-8", "replace"), wanted.encode()) for each in given]
        return not wanted or any(brought) or _knows_password(self._settings)

    def _data(self) -> bytes:
        """The request's body. Nothing tells beforehand how large one in chunks is: it is read up to the limit."""
        data, limit = request.get_data(), self._settings.max_body_mb
        if request.content_length is None and len(data) >= limit * MEGABYTE and request.environ["wsgi.input"].read(1):
            _drain()
            abort(413, f"The request has more than {limit} MB, which is ANYWORD_MAX_BODY_MB")
        return data

    def _body(self) -> dict[str, Any]:
        if not request.is_json:
            abort(415, f"Content type is {request.mimetype or 'missing'}, but has to be application/json")
        try:
            body = size_limits.loads(self._data())
        except size_limits.Exceeded as error:
            abort(400, str(error))
        except ValueError:
            abort(400, "The request is not valid JSON")
        if not isinstance(body, dict):
            abort(400, "The request has to be a JSON object")
        g.project = [f"project {str(body['project']).partition('.')[0]}"] if "project" in body else []
        logs.note(**{"project": project_id(str(body["project"]))} if "project" in body else {})
        return body


def _welcome(settings: Settings) -> bool:
    open_to_all = request.path in WITHOUT_PASSWORD or request.path.startswith(f"{WEBHOOK}/")
    return not settings.basic_auth_user or (open_to_all and not wants_page()) or _knows_password(settings)


def _knows_password(settings: Settings) -> bool:
    """Whether a password is set, and the request brought it."""
    given = request.authorization
    if not settings.basic_auth_user or given is None or given.type != "basic":
        return False
    pairs = ((given.username, settings.basic_auth_user), (given.password, settings.basic_auth_password))
    equal = [hmac.compare_digest((mine or "").encode(), wanted.encode()) for mine, wanted in pairs]
    return all(equal)


def _drain() -> None:
    """Read on to the end: a client that is still sending would see a broken connection instead of the answer."""
    while request.environ["wsgi.input"].read(MEGABYTE):
        pass


def _required(body: dict[str, Any], key: str, kind: type) -> Any:
    if not isinstance(body.get(key), kind):
        abort(400, f"The request lacks {key!r}" if key not in body else f"{key!r} has to be a {kind.__name__}")
    return body[key]


def _refusal(told: Problem) -> Response:
    refused(told)
    response = jsonify(error=told.message)
    response.status = told.status_line
    if told.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="Anyword"'
    if told.retry_after is not None:
        response.headers["Retry-After"] = str(told.retry_after)
    return response
