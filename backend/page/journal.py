"""What was asked and answered lately, what went wrong, and which projects ask: bounded, in memory, for the page."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace

from backend.page.thumbnail import Thumbnail, sketch_of
from backend.problems import Problem
from backend.prompting.prompts import Request
from model.errors import Superseded
from model.types import Answer, Clause, Image

REQUESTS, FAILURES, PROJECTS = 30, 20, 50
SKETCH_BYTES = 8_000_000  # of all sketches together
LONGEST = 300  # characters of a text that came from outside


@dataclass(frozen=True, slots=True)
class AnsweredTask:
    """One answered task: whose it is, how many seconds the answer took, and the message for the annotator."""

    project: str
    task: str
    seconds: float
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One answered request: what was asked, what was answered, and the sketch of what the model saw.

    `text` is what was typed, or the labels of a pre-annotation; `points`, `boxes` and `strokes` are counts; `when` is
    in seconds since 1970.
    """

    occasion: AnsweredTask
    interactive: bool
    text: str
    points: int
    boxes: int
    strokes: int
    sketch: Thumbnail
    when: float = field(default_factory=time.time)
    number: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, how often it came in a row of equal ones, and when it last came, in seconds since 1970."""

    kind: str
    message: str
    where: str
    times: int = 1
    when: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True)
class ConnectedProject:
    """A project that was connected: its id, its server, and what its labelling config could do better.

    `asked` is what a pre-annotation looks for; whether the models can read all of it they say once they are loaded.
    """

    project: str
    hostname: str
    advice: tuple[str, ...] = ()
    asked: tuple[Clause, ...] = ()
    when: float = field(default_factory=time.time)


def entry_of(occasion: AnsweredTask, image: Image, request: Request, answer: Answer) -> Entry:
    """An entry about the answer to a request on a picture (H, W, 3); the picture itself is not kept."""
    project, task, message = (readable(text) for text in (occasion.project, occasion.task, occasion.message))
    hints = [thing.hint for thing in request.pointed]
    return Entry(
        AnsweredTask(project, task, occasion.seconds, message),
        interactive=request.interactive,
        text=readable("; ".join(clause.text for clause in request.clauses)),
        points=sum(len(hint.points) for hint in hints),
        boxes=sum(hint.box is not None for hint in hints),
        strokes=sum(len(hint.strokes) for hint in hints),
        sketch=sketch_of(image, hints, answer),
    )


def readable(text: str) -> str:
    """A text that came from outside, cut, and without the half characters that JSON may hold and no page can show."""
    return text[:LONGEST].encode("utf-8", "replace").decode("utf-8")


class Journal:
    """The last entries, failures and projects; threads may share it."""

    def __init__(self, last: int = 0) -> None:
        """Entries are numbered from `last` on: each replica begins elsewhere, so that no picture passes for another."""
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=REQUESTS)
        self._failures: deque[Failure] = deque(maxlen=FAILURES)
        self._projects: OrderedDict[str, ConnectedProject] = OrderedDict()
        self._last = last

    def record(self, entry: Entry) -> None:
        """Keep an entry under the next number; the oldest go where there are too many, or too many bytes."""
        with self._lock:
            self._last += 1
            self._entries.append(replace(entry, number=self._last))
            while sum(each.sketch.bytes for each in self._entries) > SKETCH_BYTES:
                self._entries.popleft()

    def fail(self, trouble: Problem, where: str) -> None:
        """Keep an error; one that repeats the last one is counted with it. An overtaken click is no error."""
        if trouble.kind == Superseded.__name__:
            return
        failure = Failure(trouble.kind, readable(trouble.message), readable(where))
        with self._lock:
            last = self._failures[-1] if self._failures else None
            if last is not None and (last.kind, last.message) == (failure.kind, failure.message):
                self._failures.pop()
                failure = replace(failure, times=last.times + 1)
            self._failures.append(failure)

    def see(self, project: ConnectedProject) -> None:
        """Keep what was found about a project, in place of what was known of it before."""
        project = replace(project, project=readable(project.project), hostname=readable(project.hostname))
        with self._lock:
            self._projects.pop(project.project, None)
            self._projects[project.project] = project
            if len(self._projects) > PROJECTS:
                self._projects.popitem(last=False)

    @property
    def entries(self) -> list[Entry]:
        """The newest first."""
        with self._lock:
            return list(reversed(self._entries))

    @property
    def failures(self) -> list[Failure]:
        """The newest first."""
        with self._lock:
            return list(reversed(self._failures))

    @property
    def projects(self) -> list[ConnectedProject]:
        """The one that was seen last first."""
        with self._lock:
            return list(reversed(self._projects.values()))
