"""What the backend offered: the newest predicted regions of each project, for comparison with what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select

from backend.store.connection.clock import now
from backend.store.connection.upsert import upsert
from backend.store.tables import offers as table
from backend.webhooks.corrections import Offer
from model.coco_rle import CocoRle

NEWEST = 20_000  # offers kept for each project, some 30 MB; ours
SLICE = 1_000  # regions asked for in one statement


def offer(connection: Connection, project: str, offers: Sequence[Offer]) -> None:
    """Remember what was offered; of a region that was offered before, the newer offer stays."""
    offered = now(connection)
    rows = {
        one.region: {
            "project": project,
            "region": one.region,
            "task": one.task,
            "label": one.label,
            "phrase": one.phrase,
            "version": one.version,
            "height": one.mask.size[0],
            "width": one.mask.size[1],
            "counts": one.mask.counts,
            "offered": offered,
        }
        for one in offers
    }
    upsert(connection, table, [rows[region] for region in sorted(rows)])
    trim(connection, project)


def offers(connection: Connection, project: str, regions: Iterable[str]) -> dict[str, Offer]:
    """What is still known of these regions, by region."""
    wanted = sorted(set(regions))
    found = {}
    for start in range(0, len(wanted), SLICE):
        some = select(table).where(table.c.project == project, table.c.region.in_(wanted[start : start + SLICE]))
        for row in connection.execute(some):
            mask = CocoRle((row.height, row.width), row.counts)
            found[row.region] = Offer(row.region, row.task, row.label, row.phrase, mask, row.version)
    return found


def trim(connection: Connection, project: str) -> None:
    """Forget all but the newest offers."""
    newest = select(table.c.region).where(table.c.project == project)
    older = newest.order_by(table.c.offered.desc(), table.c.region.desc()).offset(NEWEST)
    connection.execute(table.delete().where(table.c.project == project, table.c.region.in_(older)))
