"""What annotators work on, remembered for a while: a request brings prompts of one kind, an object has more."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from uuid import uuid4

from backend.labelstudio.results import Region
from backend.prompting.drafts import Editor
from backend.prompting.fusion import Session, continued, joined, standing, unspent
from backend.prompting.marks import grouped
from backend.prompting.prompts import Prompts, Request, asked
from backend.prompting.refining import Found, RefinedRegion, anchored, identified, informed
from backend.prompting.shared_sessions import Held, SessionNews, SharedSessions
from backend.prompting.task_key import TaskKey

MOST_TASKS = 64
MOST_OBJECTS = 4  # of one task, those of all annotators together
MOST_SENT = 200  # regions of an object by which it is seen that it was accepted
MOST_FOUND = 12  # regions of an answer that a click can refine; each holds SAM's logits


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of a session: whose it is, and the session as it was then."""

    place: TaskKey
    session: Session

    @property
    def annotator(self) -> tuple[TaskKey, str]:
        """Who asks on this task, as far as known: the user of the drafts, else whoever works on this object."""
        return self.place, self.session.user or self.session.number


class Sessions:
    """The sessions of all tasks, bounded in number and in time; threads may share it, and replicas by a shelf."""

    def __init__(
        self, seconds: float = 900, clock: Callable[[], float] = time.monotonic, shelf: SharedSessions | None = None
    ) -> None:
        """A session ends when nothing was asked for `seconds`. Without a shelf this process knows its own alone."""
        self._seconds, self._clock, self._shelf = seconds, clock, shelf
        self._lock = threading.Lock()
        self._tasks: OrderedDict[TaskKey, tuple[Session, ...]] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return sum(len(sessions) for sessions in self._tasks.values())

    def fuse(self, place: TaskKey, said: Prompts, editor: Editor, size: tuple[int, int]) -> tuple[Request, Turn]:
        """Join a request's prompts with those of the same object, on a picture of `size` (H, W).

        Raises BadQuery where they cannot be answered; they are remembered all the same, for the next request.
        """
        with self._held(place) as held:
            with self._lock:
                self._take(place, held.news)
                sessions = self._fresh(place, size)
                session = continued(sessions, said, editor) or Session(uuid4().hex, size)
                session = _told(session, said, editor, sessions)
                self._keep(place, replace(session, used=self._clock()))
            held.ask(session)
        pointed = anchored(grouped(session.prompts.marks), session.found)
        pointed = identified(pointed, session.regions, session.found)
        pointed = informed(pointed, session.refined, session.found)
        return asked(session.prompts, pointed), Turn(place, session)

    def remember(self, turn: Turn, request: Request, found: Sequence[Region]) -> None:
        """Keep what a request was answered with, unless a later request of the session was answered already."""
        with self._lock:
            sessions = self._fresh(turn.place, turn.session.size)
            session = next((each for each in sessions if each.number == turn.session.number), None)
            if session is None or turn.session.turn < session.answered:
                return
            session = _answered(session, turn, request, found)
            self._keep(turn.place, session)
        if self._shelf is not None:
            self._shelf.answer(turn.place, session)

    def end(self, place: TaskKey) -> None:
        """Forget the sessions on a task."""
        with self._lock:
            self._tasks.pop(place, None)
        if self._shelf is not None:
            self._shelf.end(place)

    def _held(self, place: TaskKey) -> AbstractContextManager[Held]:
        """The task, with what other replicas know of it beyond what this one does."""
        if self._shelf is None:
            return nullcontext(Held(SessionNews()))
        return self._shelf.held(place, {each.number: each.progress for each in self._tasks.get(place, ())})

    def _take(self, place: TaskKey, news: SessionNews) -> None:
        """Put news in the place of what was known; `used` becomes a time of our own clock."""
        now, known = self._clock(), {each.number: each for each in self._tasks.get(place, ())}
        found = {each.number: replace(each, used=now + each.used) for each in news.sessions if _is_new(each, known)}
        left = [each for number, each in (known | found).items() if number not in news.over]
        if found or news.over:
            self._tasks[place] = tuple(sorted(left, key=lambda each: -each.used))

    def _fresh(self, place: TaskKey, size: tuple[int, int]) -> tuple[Session, ...]:
        """The sessions on a task that have not timed out, the newest first."""
        oldest = self._clock() - self._seconds
        sessions = self._tasks.get(place, ())
        return tuple(each for each in sessions if each.used >= oldest and each.size == size)

    def _keep(self, place: TaskKey, session: Session) -> None:
        others = [each for each in self._fresh(place, session.size) if each.number != session.number]
        self._tasks[place] = (session, *others)[:MOST_OBJECTS]
        self._tasks.move_to_end(place)
        oldest = self._clock() - self._seconds
        while len(self._tasks) > MOST_TASKS or next(iter(self._tasks.values()))[0].used < oldest:
            self._tasks.popitem(last=False)


def _is_new(session: Session, known: Mapping[str, Session]) -> bool:
    """Whether a session has gone further than what is known: since it was read, that may have gone on, too."""
    return session.number not in known or session.progress > known[session.number].progress


def _told(session: Session, said: Prompts, editor: Editor, sessions: Sequence[Session]) -> Session:
    """A session with what a request adds to it."""
    earlier = Prompts(session.prompts.text, standing(session, editor))
    prompts = joined(said, earlier, unspent(editor.left, sessions))
    same_text = (prompts.text and prompts.text.typed) == (session.prompts.text and session.prompts.text.typed)
    return replace(
        session,
        prompts=prompts,
        user=editor.user or session.user,
        shown=prompts.ids & (session.shown | editor.ids),
        found=session.found if same_text else (),
        turn=session.turn + 1,
    )


def _answered(session: Session, turn: Turn, request: Request, found: Sequence[Region]) -> Session:
    """A session with what a request of it was answered with."""
    told = {mark: thing.region for thing in request.pointed for mark in thing.ids}
    regions = {mark: region for mark, region in {**session.regions, **told}.items() if mark in session.prompts.ids}
    after = {region.id: region.segment.low_res_mask for region in found}
    by_text = [Found.of(region.id, region.segment.mask, after[region.id]) for region in found[:MOST_FOUND]]
    return replace(
        session,
        sent=tuple(dict.fromkeys((*session.sent, *after)))[-MOST_SENT:],
        found=session.found if request.pointed else tuple(each for each in by_text if each.small.any()),
        regions=regions,
        refined={
            thing.region: RefinedRegion(thing.hint, after.get(thing.region)) for thing in request.pointed[:MOST_FOUND]
        },
        answered=turn.session.turn,
    )
