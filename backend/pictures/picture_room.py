"""How many decoded pictures of one request wait in memory."""

from __future__ import annotations

from threading import Condition


class PictureRoom:
    """A bound on the bytes of pictures that are decoded and not yet answered; threads share it.

    A picture's size is known once it is decoded: those that are fetched at the same time may overdraw it.
    """

    def __init__(self, most: int) -> None:
        """`most`: bytes at which the next picture waits."""
        self._most, self._held, self._changed = most, 0, Condition()

    def wait(self) -> None:
        """Wait until there is room."""
        with self._changed:
            self._changed.wait_for(lambda: self._held < self._most)

    def take(self, size: int) -> None:
        """Hold a picture of so many bytes."""
        with self._changed:
            self._held += size

    def give(self, size: int) -> None:
        """Hold it no longer."""
        with self._changed:
            self._held -= size
            self._changed.notify_all()
