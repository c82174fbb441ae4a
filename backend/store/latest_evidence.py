"""Which of several things heard about an annotation holds, whatever the order in which they were heard.

Webhook events come late, twice and out of order, and some never come; a sync says what was there when it began. All
times are those of Label Studio's clock. The rules are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """One state of an annotation. `seen`: when the sync that found it began; None where only an event told of it."""

    updated: datetime
    digest: str
    seen: datetime | None = None

    @property
    def rank(self) -> tuple[datetime, bool, str]:
        """Comparable; the higher one holds. A sync speaks for the moment when it began, unless what it found is newer.

        Of two states that were saved in the same microsecond, the digest decides: any rule does that heeds no order.
        """
        if self.seen is not None and self.seen >= self.updated:
            return self.seen, True, self.digest
        return self.updated, False, self.digest

    def outlives(self, died: datetime | None, swept: datetime | None) -> bool:
        """Whether the annotation is there, given a deletion at `died` and a newest complete sync begun at `swept`.

        Label Studio gives no id twice: after a deletion, only a sync that began later proves that it did not happen.
        What such a sync did not find is gone, unless it was saved after that sync began.
        """
        if died is not None and (self.seen is None or self.seen <= died):
            return False
        return swept is None or self.updated > swept or (self.seen is not None and self.seen >= swept)
