"""A request -> the queries that it takes, as a text may speak of one box alone, and their answers -> one answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.prompting.marks import Pointed
from model.types import Answer, Finding, Query, Segment


@dataclass(frozen=True, slots=True)
class Part:
    """A query, and which clauses and hints of the request it holds."""

    query: Query
    clauses: tuple[int, ...]
    hints: tuple[int, ...]


def parts(query: Query, pointed: Sequence[Pointed]) -> tuple[Part, ...]:
    """One query for all hints that the same clauses speak of; one query for everything without such differences."""
    spoken_of = tuple(dict.fromkeys(thing.clauses for thing in pointed))
    if len(spoken_of) <= 1:
        return (Part(query, tuple(range(len(query.clauses))), tuple(range(len(query.hints)))),)
    return tuple(_part(query, pointed, clauses) for clauses in spoken_of)


def _part(query: Query, pointed: Sequence[Pointed], clauses: tuple[int, ...]) -> Part:
    hints = tuple(at for at, thing in enumerate(pointed) if thing.clauses == clauses)
    chosen = replace(
        query, clauses=tuple(query.clauses[at] for at in clauses), hints=tuple(query.hints[at] for at in hints)
    )
    return Part(chosen, clauses, hints)


def whole(asked: Sequence[Part], answers: Sequence[Answer]) -> Answer:
    """One answer to the request, its segments and findings numbered as the request's clauses and hints are."""
    pairs = list(zip(asked, answers, strict=True))
    return Answer(
        tuple(_segment(segment, part) for part, answer in pairs for segment in answer.segments),
        tuple(_finding(finding, part) for part, answer in pairs for finding in answer.findings),
        tuple(dict.fromkeys(warning for answer in answers for warning in answer.warnings)),
    )


def _segment(segment: Segment, part: Part) -> Segment:
    clause = None if segment.clause is None else part.clauses[segment.clause]
    return replace(segment, clause=clause, hint=None if segment.hint is None else part.hints[segment.hint])


def _finding(finding: Finding, part: Part) -> Finding:
    return replace(finding, clause=part.clauses[finding.clause])
