"""What annotators did: the inbox of webhook events, and the annotations as they stand.

The annotations do not depend on the order in which events and syncs come, nor on how often: see latest_evidence.py.
"""

import hashlib
import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, or_, select

from backend.store.connection.upsert import INSERTS, ensure
from backend.store.latest_evidence import Evidence
from backend.store.tables import annotations as live
from backend.store.tables import corrections, events, syncs, tombstones
from backend.webhooks.corrections import Annotation, Correction
from model.coco_rle import CocoRle

COLUMNS = ("task", "picture", "cancelled", "ground_truth", "imported", "parent_prediction", "texts", "complete")


@dataclass(frozen=True, slots=True)
class Event:
    """A webhook event as it came. `id` is the inbox's own, 0 until it is recorded; `received` is UTC."""

    project: str
    action: str
    body: bytes
    received: datetime
    id: int = 0


@dataclass(frozen=True, slots=True)
class Basis:
    """What there is to learn from: the number of annotations, and a digest that changes whenever one of them does."""

    count: int
    digest: str


def record(connection: Connection, event: Event) -> None:
    """Put an event into the inbox."""
    row = {name: value for name, value in asdict(event).items() if name != "id"}
    connection.execute(events.insert().values(row))


def pending(connection: Connection, limit: int) -> tuple[Event, ...]:
    """The oldest events of the inbox, `limit` at most."""
    rows = connection.execute(select(events).order_by(events.c.id).limit(limit))
    return tuple(Event(**row._mapping) for row in rows)


def settle(connection: Connection, ids: Iterable[int]) -> None:
    """Take events out of the inbox."""
    _each(connection, events.delete().where(events.c.id == bindparam("one")), [{"one": id} for id in ids])


def keep(connection: Connection, project: str, annotation: Annotation) -> bool:
    """Take what an event says of an annotation; False where something newer, or a deletion, is known."""
    return _take(connection, project, (annotation,), None)


def forget(connection: Connection, project: str, annotation_ids: Iterable[int], when: datetime) -> None:
    """Take a deletion of annotations; it holds against events that tell of them later."""
    _bury(connection, project, "annotation", annotation_ids, when)


def forget_tasks(connection: Connection, project: str, task_ids: Iterable[int], when: datetime) -> None:
    """Take a deletion of tasks with all their annotations, those that are not known yet, too."""
    _bury(connection, project, "task", task_ids, when)


def confirm(connection: Connection, project: str, page: Sequence[Annotation], began: datetime) -> None:
    """Take a part of what a sync that began then found: at most 500 annotations.

    SQLite takes 32,766 parameters in a statement.
    """
    _take(connection, project, page, began)


def sweep(connection: Connection, project: str, began: datetime) -> None:
    """Drop what a sync, all of whose pages were taken, did not find."""
    swept = _lock(connection, project)
    unseen = or_(live.c.seen.is_(None), live.c.seen < began)
    connection.execute(live.delete().where(live.c.project == project, live.c.updated <= began, unseen))
    newest = began if swept is None else max(began, swept)
    connection.execute(syncs.update().where(syncs.c.project == project).values(began=newest))


def annotations(connection: Connection, project: str) -> tuple[Annotation, ...]:
    """The project's annotations as they stand, by id."""
    found = connection.execute(select(live).where(live.c.project == project).order_by(live.c.id)).all()
    masks: dict[int, list[Correction]] = {row.id: [] for row in found}
    ordered = select(corrections).where(corrections.c.project == project)
    for row in connection.execute(ordered.order_by(corrections.c.annotation, corrections.c.position)):
        mask = CocoRle((row.height, row.width), row.counts)
        masks[row.annotation].append(Correction(row.region, row.label, mask, row.origin))
    return tuple(_annotation(row._mapping, tuple(masks[row.id])) for row in found)


def labelled(connection: Connection, project: str) -> tuple[tuple[Annotation, frozenset[str | None]], ...]:
    """The project's annotations as they stand, by id, with the labels of their masks in place of these."""
    found = connection.execute(select(live).where(live.c.project == project).order_by(live.c.id)).all()
    labels: dict[int, set[str | None]] = {row.id: set() for row in found}
    rows = select(corrections.c.annotation, corrections.c.label).where(corrections.c.project == project).distinct()
    for row in connection.execute(rows):
        labels[row.annotation].add(row.label)
    return tuple((_annotation(row._mapping, ()), frozenset(labels[row.id])) for row in found)


def basis(connection: Connection, project: str) -> Basis:
    """What there is to learn from now; reads no mask."""
    rows = connection.execute(select(live.c.id, live.c.digest).where(live.c.project == project).order_by(live.c.id))
    lines = [f"{id} {digest}\n" for id, digest in rows]
    return Basis(len(lines), _hash("".join(lines).encode()))


def _take(connection: Connection, project: str, page: Sequence[Annotation], began: datetime | None) -> bool:
    swept = _lock(connection, project)
    known = _known(connection, project, [annotation.id for annotation in page])
    died = _died(connection, project, page)
    winners: dict[int, tuple[Annotation, Evidence]] = {}
    for annotation in page:
        told = Evidence(annotation.updated, digest(annotation), began)
        before = winners[annotation.id][1] if annotation.id in winners else known.get(annotation.id)
        if before is None and told.outlives(died.get(annotation.id), swept):
            winners[annotation.id] = annotation, told
        elif before is not None and told.digest != before.digest and told.rank > before.rank:
            winners[annotation.id] = annotation, replace(told, seen=_latest(before.seen, began))
    _write(connection, project, list(winners.values()), known)
    if began is not None:
        _mark(connection, project, [id for id in known if id not in winners], began)
    return bool(winners)


def _lock(connection: Connection, project: str) -> datetime | None:
    """Let nobody else change the project's facts in this transaction; when its newest complete sync began."""
    ensure(connection, syncs, {"project": project})
    return connection.scalar(select(syncs.c.began).where(syncs.c.project == project).with_for_update())


def _known(connection: Connection, project: str, ids: Sequence[int]) -> dict[int, Evidence]:
    wanted = select(live.c.id, live.c.updated, live.c.digest, live.c.seen)
    rows = connection.execute(wanted.where(live.c.project == project, live.c.id.in_(ids)))
    return {row.id: Evidence(row.updated, row.digest, row.seen) for row in rows}


def _died(connection: Connection, project: str, page: Sequence[Annotation]) -> dict[int, datetime]:
    """By annotation, when it or its task was deleted last."""
    ids = {annotation.id for annotation in page} | {annotation.task for annotation in page}
    named = select(tombstones).where(tombstones.c.project == project, tombstones.c.id.in_(ids))
    graves = {(row.kind, row.id): row.died for row in connection.execute(named)}
    own = {annotation.id: graves.get(("annotation", annotation.id)) for annotation in page}
    tasks = {annotation.id: graves.get(("task", annotation.task)) for annotation in page}
    both = {id: _latest(own[id], tasks[id]) for id in own}
    return {id: died for id, died in both.items() if died is not None}


def _latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def _write(
    connection: Connection, project: str, winners: Sequence[tuple[Annotation, Evidence]], known: Container[int]
) -> None:
    gone = live.delete().where(live.c.project == bindparam("owner"), live.c.id == bindparam("one"))
    _each(
        connection,
        gone,
        [{"owner": project, "one": annotation.id} for annotation, _ in winners if annotation.id in known],
    )
    _each(connection, live.insert(), [_row(project, annotation, told) for annotation, told in winners])
    masks = [row for annotation, _ in winners for row in _masks(project, annotation)]
    _each(connection, corrections.insert(), masks)


def _mark(connection: Connection, project: str, ids: Sequence[int], began: datetime) -> None:
    older = or_(live.c.seen.is_(None), live.c.seen < began)
    connection.execute(live.update().where(live.c.project == project, live.c.id.in_(ids), older).values(seen=began))


def _bury(connection: Connection, project: str, kind: str, ids: Iterable[int], when: datetime) -> None:
    _lock(connection, project)
    insert = INSERTS[connection.dialect.name](tombstones)
    later = {"died": insert.excluded.died}
    stone = insert.on_conflict_do_update(
        index_elements=["project", "kind", "id"], set_=later, where=tombstones.c.died < insert.excluded.died
    )
    rows = [{"project": project, "kind": kind, "id": id, "died": when} for id in ids]
    _each(connection, stone, rows)
    column = live.c.id if kind == "annotation" else live.c.task
    unproved = or_(live.c.seen.is_(None), live.c.seen <= when)
    dead = live.delete().where(live.c.project == project, column == bindparam("one"), unproved)
    _each(connection, dead, [{"one": row["id"]} for row in rows])


def _each(connection: Connection, statement: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(statement, rows)


def _row(project: str, annotation: Annotation, told: Evidence) -> dict[str, Any]:
    same = {name: getattr(annotation, name) for name in COLUMNS}
    evidence = {"updated": told.updated, "digest": told.digest, "seen": told.seen}
    return {"project": project, "id": annotation.id, "annotator": annotation.user, **same, **evidence}


def _masks(project: str, annotation: Annotation) -> list[dict[str, Any]]:
    return [
        {
            "project": project,
            "annotation": annotation.id,
            "position": position,
            "region": correction.region,
            "label": correction.label,
            "origin": correction.origin,
            "height": correction.mask.size[0],
            "width": correction.mask.size[1],
            "counts": correction.mask.counts,
        }
        for position, correction in enumerate(annotation.corrections)
    ]


def _annotation(row: RowMapping, masks: tuple[Correction, ...]) -> Annotation:
    same = {name: row[name] for name in COLUMNS if name != "texts"}
    texts = tuple(row["texts"])
    return Annotation(
        id=row["id"], user=row["annotator"], updated=row["updated"], texts=texts, corrections=masks, **same
    )


def digest(annotation: Annotation) -> str:
    """32 hexadecimal digits that name the annotation's whole content."""
    utc = replace(annotation, updated=annotation.updated.astimezone(UTC))
    return _hash(json.dumps(asdict(utc), sort_keys=True, default=_plain).encode())


def _plain(value: bytes | datetime) -> str:
    return value.hex() if isinstance(value, bytes) else value.isoformat()


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
