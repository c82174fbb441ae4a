"""The papers' ablation tables as rows of changed constants; held-out `hard` scenes take the place of their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Changes = Mapping[str, Mapping[str, Any]]
ALL = 1_000


@dataclass(frozen=True, slots=True)
class TableRow:
    """A line of a table: constants changed from the checkpoint's own, by section and name.

    `naive`: plain products with self-attention instead of Ent-Self, `broad`: all heads alike instead of the coherent
    ones (maps only). `texts`: proposals are asked for with the phrase, `kept`: how many of them count, the surest
    first (proposals only).
    """

    name: str
    changes: Changes = field(default_factory=dict)
    naive: bool = False
    broad: bool = False
    texts: bool = True
    kept: int = ALL


@dataclass(frozen=True, slots=True)
class Table:
    """Rows measured alike.

    maps: mean IoU of phrases' refined maps before SAM, at the best of nine global thresholds. segments: the engine's
    answers to whole captions. labels: one class per pixel by arg-max of maps. proposals: best proposal per object.
    """

    name: str
    source: str
    measure: Literal["maps", "segments", "labels", "proposals"]
    rows: Sequence[TableRow]


def _refined(products: int, **more: float) -> Changes:
    """A fixed number of products."""
    return {"refine": {"max_iterations": products, "tolerance": 0.0, **more}}


def _plain(enhancement: float, products: int) -> Changes:
    return {"attention": {"enhancement": enhancement}, **_refined(products)}


ITERATIONS = Table(
    "iterations",
    "iSeg, table of N; the last row's rule is ours",
    "maps",
    (
        *(TableRow(f"N = {products}", _refined(products)) for products in (1, 2, 4, 6, 8, 10, 12, 20)),
        TableRow("chosen for each phrase"),
    ),
)
LAMBDA = Table(
    "lambda",
    "iSeg, table of lambda, N = 10",
    "maps",
    tuple(
        TableRow(f"lambda = {factor}", _refined(10, entropy_factor=factor))
        for factor in (0.0, 0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.5)
    ),
)
GAMMA = Table(
    "gamma",
    "iSeg, table of gamma",
    "maps",
    tuple(
        TableRow(f"gamma = {factor}", {"attention": {"enhancement": factor}})
        for factor in (1.0, 1.2, 1.4, 1.6, 1.8, 2.0)
    ),
)
RESOLUTIONS = Table(
    "resolutions",
    "iSeg, table of cross-attention resolutions",
    "maps",
    tuple(
        TableRow(name, {"attention": {"resolution_weights": weights}})
        for name, weights in (
            ("coarse only", (1.0, 0.0)),
            ("fine only", (0.0, 1.0)),
            ("both, 0.7 and 0.3", (0.7, 0.3)),
            ("both, 0.5 and 0.5", (0.5, 0.5)),
        )
    ),
)
MODULES = Table(
    "modules",
    "iSeg, table of modules; naive products are the comparison of its figure",
    "maps",
    (
        TableRow("one product", _plain(1.0, 1)),
        TableRow("10 naive products", _plain(1.0, 10), naive=True),
        TableRow("10 products, Ent-Self", _plain(1.0, 10)),
        TableRow("10 products, Ent-Self and Cat-Cross (1.6)", _plain(1.6, 10)),
        TableRow("10 naive products and Cat-Cross (1.6)", _plain(1.6, 10), naive=True),
        TableRow("10 naive products, all heads", _plain(1.0, 10), naive=True, broad=True),
        TableRow("10 products, Ent-Self, all heads", _plain(1.0, 10), broad=True),
        TableRow("10 products, Ent-Self with lambda 1.5, all heads", _refined(10, entropy_factor=1.5), broad=True),
    ),
)


def _anyword(steps: int, *, positives: bool, negatives: bool, decode: bool = True) -> Changes:
    """Exactly so many steps of inversion, SAM asked by the points of word maps alone."""
    inversion = {"objective": "denoising", "steps": steps, "still": 0.0} if steps else {"objective": "none"}
    syntax = {"prompts": "words", "positives": positives, "negatives": negatives, "decode": decode}
    return {"inversion": inversion, "syntax": syntax}


FULL = 8  # steps that stand for the paper's 1,100: those of the preset `accurate`
ANYWORD = Table(
    "anyword",
    f"Segment Anyword, table 6; {FULL} steps stand for its 1,100, half of them for its 550",
    "segments",
    (
        TableRow("no SAM, no inversion", _anyword(0, positives=False, negatives=False, decode=False)),
        TableRow("SAM", _anyword(0, positives=False, negatives=False)),
        TableRow(f"SAM, {FULL // 2} steps", _anyword(FULL // 2, positives=False, negatives=False)),
        TableRow(f"SAM, {FULL} steps", _anyword(FULL, positives=False, negatives=False)),
        TableRow(f"SAM, {FULL} steps, R1", _anyword(FULL, positives=True, negatives=False)),
        TableRow(f"SAM, {FULL} steps, R2", _anyword(FULL, positives=False, negatives=True)),
        TableRow(f"SAM, {FULL} steps, R1 and R2", _anyword(FULL, positives=True, negatives=True)),
        TableRow("SAM, no inversion, R1 and R2", _anyword(0, positives=True, negatives=True)),
    ),
)
STEPS = Table(
    "steps",
    "quality against steps and seconds of Segment Anyword's inversion, R1 and R2 on",
    "segments",
    tuple(TableRow(f"{steps} steps", _anyword(steps, positives=True, negatives=True)) for steps in (0, 4, 8, 16, 32)),
)


def _clustering(**inversion: float) -> Changes:
    return {"inversion": {"objective": "clustering", "steps": 5, "rate": 0.01, **inversion}}


INVSEG = Table(
    "invseg",
    "InvSeg against its own baseline, its two terms, more steps and a higher rate",
    "labels",
    (
        TableRow("no inversion", {"inversion": {"objective": "none"}}),
        TableRow("clustering only", _clustering(entropy_weight=0.0)),
        TableRow("entropy only", _clustering(cluster_weight=0.0)),
        TableRow("both: 5 steps, rate 0.01, as in the preset", _clustering()),
        TableRow("both, 15 steps", _clustering(steps=15)),
        TableRow("both, rate 0.03", _clustering(rate=0.03)),
    ),
)
PROPOSALS = Table(
    "proposals",
    "PMP, recall of the objects that a phrase means, before naming: without text the surest of all, with it for it",
    "proposals",
    tuple(
        TableRow(
            f"{'all' if kept == ALL else kept}, {'with the phrase' if texts else 'without text'}",
            texts=texts,
            kept=kept,
        )
        for kept in (1, 2, 4, ALL)
        for texts in (False, True)
    ),
)
TABLES = (MODULES, ITERATIONS, LAMBDA, GAMMA, RESOLUTIONS, ANYWORD, STEPS, INVSEG, PROPOSALS)
