"""Which prompts belong together: the rules by which one object's prompts are told from the next one's.

A request holds prompts of one kind and one label, and names neither the annotator nor the object. What it does have is
the editor's random ids: as long as a point or a box stands in the editor, its id comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backend.prompting.drafts import Editor
from backend.prompting.marks import Mark, is_near
from backend.prompting.prompts import NO_PROMPTS, Prompts
from backend.prompting.refining import Found, RefinedRegion
from model.types import Box


@dataclass(frozen=True, slots=True)
class Session:
    """What is known of one object that an annotator works on, in a picture of `size` (H, W).

    `shown` are the marks that a draft has shown, `sent` the ids of all regions that were answered, `found` what the
    text alone found, `regions` the id of the region that each mark belongs to, and `refined` how each such region was
    asked for last. `turn` counts the requests, `answered` is the turn of the newest one that was answered, `used` is a
    clock's time in seconds.
    """

    number: str
    size: tuple[int, int]
    prompts: Prompts = NO_PROMPTS
    user: str | None = None
    shown: frozenset[str] = frozenset()
    sent: tuple[str, ...] = ()
    found: tuple[Found, ...] = ()
    regions: Mapping[str, str] = field(default_factory=dict)
    refined: Mapping[str, RefinedRegion] = field(default_factory=dict)
    turn: int = 0
    answered: int = 0
    used: float = 0.0

    @property
    def progress(self) -> tuple[int, int]:
        """Of two states of one session the one with more is the newer one."""
        return self.turn, self.answered


def continued(sessions: Sequence[Session], said: Prompts, editor: Editor) -> Session | None:
    """The session, of those on a task from the newest on, that a request goes on with; None where it begins anew.

    A mark that is known tells it. Else it is the annotator's last object, unless that is done with.
    """
    known = next((session for session in sessions if session.prompts.ids & said.ids), None)
    last = next((session for session in sessions if _is_same_annotator(session, said, editor)), None)
    return known or (last if last is not None and _is_same_object(last, said, editor) else None)


def _is_same_annotator(session: Session, said: Prompts, editor: Editor) -> bool:
    """Whether a request may come from the annotator of a session: the text's id tells, else the drafts do.

    Before the first draft is saved nothing tells one annotator from another.
    """
    text = session.prompts.text
    if said.text is not None and text is not None:
        return said.text.id == text.id
    if session.user == editor.user:
        return True
    own = session.prompts.ids | ({text.id} if text is not None else set())
    return session.user is None and bool(own & editor.ids)


def _is_same_object(session: Session, said: Prompts, editor: Editor) -> bool:
    """Whether a request that shares no mark with a session still speaks of its object.

    It does not where a region of the session stands in the editor now (accepted), where the session's marks have gone
    from it (rejected), where marks of the same kind are others than before, for another label, and far from a box.
    """
    accepted = (editor.ids | editor.stored).intersection(session.sent)
    rejected = session.shown and not session.shown & editor.ids
    here, kinds = standing(session, editor), {mark.kind for mark in said.marks}
    if accepted or rejected or any(mark.kind in kinds for mark in here):
        return False
    return _labels_agree(Prompts(session.prompts.text, here), said) and _lie_together(here, said.marks)


def standing(session: Session, editor: Editor) -> tuple[Mark, ...]:
    """The marks of a session without those that a draft has shown and shows no longer."""
    gone = session.shown - editor.ids
    return tuple(mark for mark in session.prompts.marks if mark.id not in gone)


def _labels_agree(earlier: Prompts, said: Prompts) -> bool:
    if None not in (earlier.selected, said.selected) and earlier.selected != said.selected:
        return False
    text = said.text or (None if earlier.marks else earlier.text)
    return text is None or text.about(said.selected or earlier.selected) is not None


def _lie_together(earlier: Sequence[Mark], said: Sequence[Mark]) -> bool:
    """Whether some positive mark of one side lies in or beside a box of the other, if there are such."""
    sides = ((earlier, said), (said, earlier))
    across = [(box, mark) for boxes, marks in sides for box in filter(_is_box, boxes) for mark in filter(_shows, marks)]
    return not across or any(is_near(box, mark) for box, mark in across)


def _is_box(mark: Mark) -> bool:
    return isinstance(mark.shape, Box)


def _shows(mark: Mark) -> bool:
    return mark.wanted and not _is_box(mark)


def joined(said: Prompts, earlier: Prompts, left: Prompts) -> Prompts:
    """What a request says, and of other kinds what the session knows, else what the draft still holds."""
    marks = (*_others(earlier.marks, said), *said.marks)
    fused = Prompts(said.text or earlier.text, marks)
    selected = fused.selected or Prompts(marks=left.marks[::-1]).selected  # the draft's last label, where nothing tells
    fitting = [mark for mark in left.marks if mark.selected in (None, selected) and _fits(mark, marks)]
    more = _others(fitting, fused)
    text = left.text if left.text is not None and left.text.about(selected) is not None else None
    return Prompts(fused.text or text, (*more, *marks))


def _others(marks: Sequence[Mark], said: Prompts) -> tuple[Mark, ...]:
    """The marks of other kinds than a request holds, if not for another label."""
    kinds = {mark.kind for mark in said.marks}
    new = [mark for mark in marks if mark.kind not in kinds and mark.id not in said.ids]
    return tuple(mark for mark in new if None in (mark.selected, said.selected) or mark.selected == said.selected)


def _fits(mark: Mark, marks: Sequence[Mark]) -> bool:
    """Whether a mark of a draft goes with others: a box needs a click, as it may have been drawn for its own sake."""
    if _is_box(mark):
        return any(is_near(mark, other) for other in marks if _shows(other))
    boxes = [other for other in marks if _is_box(other)]
    return not boxes or any(is_near(box, mark) for box in boxes)


def unspent(left: Prompts, sessions: Sequence[Session]) -> Prompts:
    """What a draft holds besides the prompts of these sessions, whose requests have all come here."""
    ids = frozenset[str]().union(*(session.prompts.ids | session.shown for session in sessions))
    texts = {session.prompts.text.id for session in sessions if session.prompts.text is not None}
    text = left.text if left.text is not None and left.text.id not in texts else None
    return Prompts(text, tuple(mark for mark in left.marks if mark.id not in ids))
