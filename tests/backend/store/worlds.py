"""Label Studio in small: what happens there on its clock, and the news of it, for hypothesis to draw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import strategies as st
from sqlalchemy import Connection

from backend.store import annotation_rows
from backend.webhooks.corrections import Annotation
from tests.backend.store.samples import annotation, moment, replace_all

State = dict[int, Annotation]
TASKS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class News:
    """An event or a sync: `kind` says which, `at` is the time that it carries."""

    kind: str
    at: float
    annotations: tuple[Annotation, ...] = ()
    ids: tuple[int, ...] = ()


@dataclass(slots=True)
class World:
    """What stood at second 0, 1, 2..., how many annotations were ever made, and which tasks are gone."""

    states: list[State] = field(default_factory=lambda: [{}])
    made: int = 0
    gone: set[int] = field(default_factory=set)
    news: list[News] = field(default_factory=list)


def deliver(connection: Connection, project: str, news: Iterable[News]) -> None:
    """Tell the facts what is new."""
    for one in news:
        if one.kind == "saved":
            annotation_rows.keep(connection, project, one.annotations[0])
        elif one.kind == "deleted":
            annotation_rows.forget(connection, project, one.ids, moment(one.at))
        elif one.kind == "task deleted":
            annotation_rows.forget_tasks(connection, project, one.ids, moment(one.at))
        else:
            replace_all(connection, project, one.annotations, moment(one.at))


@st.composite
def worlds(draw: st.DrawFn, ends_with_a_sync: bool = False) -> list[News]:
    """All the news of a few seconds; a deletion is heard of some time after it, and a sync takes some time."""
    world = World()
    syncs = []
    for now in range(1, draw(st.integers(1, 12))):
        world.states.append(dict(world.states[-1]))
        act = draw(st.sampled_from(["save", "save", "save", "delete", "delete task", "sync"]))
        if act == "save":
            _save(draw, world, now)
        elif act == "delete":
            _delete(draw, world, now)
        elif act == "delete task":
            _delete_task(draw, world, now)
        else:
            syncs.append(now)
    world.news += [_sync(draw, world, began) for began in syncs]
    if ends_with_a_sync:
        world.news.append(News("sync", len(world.states), tuple(world.states[-1].values())))
    return world.news


def _save(draw: st.DrawFn, world: World, now: int) -> None:
    """Save an annotation anew, or make one: Label Studio gives no id twice."""
    state = world.states[-1]
    again = bool(draw(st.sampled_from([False, True] if state else [False])))
    open_tasks = [task for task in TASKS if task not in world.gone]
    if again:
        old = state[draw(st.sampled_from(sorted(state)))]
        id, task = old.id, old.task
    elif open_tasks:
        world.made += 1
        id, task = world.made, draw(st.sampled_from(open_tasks))
    else:
        return
    saved = annotation(id, now, task=task, said=f"{id} at {now}", masks=draw(st.integers(0, 2)))
    world.states[-1] = dict(sorted({**state, id: saved}.items()))
    world.news.append(News("saved", now, (saved,)))


def _delete(draw: st.DrawFn, world: World, now: int) -> None:
    if world.states[-1]:
        id = draw(st.sampled_from(sorted(world.states[-1])))
        del world.states[-1][id]
        world.news.append(News("deleted", now + draw(st.sampled_from([0, 0.5, 3])), ids=(id,)))


def _delete_task(draw: st.DrawFn, world: World, now: int) -> None:
    task = draw(st.sampled_from(TASKS))
    world.gone.add(task)
    world.states[-1] = {id: one for id, one in world.states[-1].items() if one.task != task}
    world.news.append(News("task deleted", now + draw(st.sampled_from([0, 0.5, 3])), ids=(task,)))


def _sync(draw: st.DrawFn, world: World, began: int) -> News:
    """Each annotation is read when the sync comes to it: what happens meanwhile, it may see or not."""
    found = []
    for id in range(1, world.made + 1):
        read = world.states[min(len(world.states) - 1, began + draw(st.integers(0, 2)))]
        found += [read[id]] if id in read else []
    return News("sync", began, tuple(found))
