"""Which task a request is about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskKey:
    """A task: the server's address, the project as Label Studio names it ("<id>.<created>"), the task's id.

    `picture` tells a task's picture from the one it had before: a digest of its address.
    """

    server: str
    project: str
    task: str
    picture: str = ""

    @property
    def digest(self) -> str:
        """All of it in 32 characters, the same in every process."""
        return digest("\n".join((self.server, self.project, self.task, self.picture)))


def digest(text: str) -> str:
    """A text of any length in 32 characters."""
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=16).hexdigest()
