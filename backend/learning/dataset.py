"""Everything that a project is learned from, as it stood in the database at one moment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from backend.inference.model_version import same_models
from backend.labelstudio import label_config
from backend.learning.gather import Fetch, examples
from backend.learning.lesson_codec import decode
from backend.store import annotation_rows, offers, projects, revisions
from backend.store.annotation_rows import Basis
from backend.store.projects import Project
from backend.store.revisions import Revision
from backend.store.tables import runs
from backend.webhooks.corrections import Annotation, Offer
from model.learning.dataset.learning_examples import Curriculum
from model.types import Lesson


@dataclass(frozen=True, slots=True)
class Terms:
    """How pre-annotations are made here: under other terms a project is judged anew.

    models: by name; preset and separate: as in `Curriculum`.
    """

    models: str
    preset: str
    separate: bool


@dataclass(frozen=True, slots=True, eq=False)
class Grounds:
    """A project's annotations, what was offered by region, and the revision in force; `basis` names all that."""

    project: Project
    annotations: tuple[Annotation, ...]
    offers: Mapping[str, Offer]
    revision: Revision | None
    basis: Basis
    terms: Terms

    @property
    def number(self) -> int:
        """The number of the revision in force."""
        return 0 if self.revision is None else self.revision.number

    def curriculum(self, fetch: Fetch) -> Curriculum:
        """What there is to learn from. Raises Misconfigured for an unreadable labelling config or lesson."""
        config = label_config.read(self.project.label_config)
        return Curriculum(
            examples=examples(self.annotations, self.offers, config, fetch),
            labels={label.value: label.names for label in config.foreground},
            in_force=self._lessons(),
            preset=self.terms.preset,
            separate=self.terms.separate,
        )

    def _lessons(self) -> Mapping[str, Lesson]:
        """The lessons in force; none where they were learned with other models, as they answer nothing here."""
        if self.revision is None:
            return {}
        learned = decode(self.revision.lessons)
        return learned.lessons if same_models(learned.models, self.terms.models) else {}


def grounds(connection: Connection, key: str, terms: Terms) -> Grounds | None:
    """The grounds as one transaction sees them; None where nobody annotated anything."""
    project, stored = projects.find(connection, key), annotation_rows.annotations(connection, key)
    if project is None or not stored:
        return None
    regions = [correction.region for annotation in stored for correction in annotation.corrections]
    return Grounds(
        project=project,
        annotations=stored,
        offers=offers.offers(connection, key, regions),
        revision=revisions.in_force(connection, key),
        basis=_named(annotation_rows.basis(connection, key), project, terms),
        terms=terms,
    )


def is_learned(connection: Connection, found: Grounds) -> bool:
    """Whether the revision in force is what these grounds came to: there is no more to learn from them."""
    same = runs.c.project == found.project.key, runs.c.basis_digest == found.basis.digest
    return connection.scalar(select(runs.c.id).where(*same, runs.c.revision == found.number).limit(1)) is not None


def _named(basis: Basis, project: Project, terms: Terms) -> Basis:
    """The basis under a digest of all that a verdict rests on, the labels and the models included."""
    resting = json.dumps([basis.digest, project.label_config, terms.models, terms.preset, terms.separate])
    return Basis(basis.count, hashlib.blake2b(resting.encode(), digest_size=16).hexdigest())
