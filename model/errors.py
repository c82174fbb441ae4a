"""What can go wrong, in words that an annotator or an operator can act on."""


class AnywordError(Exception):
    """Base of the errors that carry a message for a person; anything else is a bug."""


class BadQuery(AnywordError):
    """The prompt cannot be answered as it stands."""


class BadImage(AnywordError):
    """The picture is missing, unreadable or too large."""


class Busy(AnywordError):
    """The queue is full; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Superseded(Busy):
    """Something newer or more urgent took this job's place; whoever waits may ask again."""


class OutOfMemory(AnywordError):
    """The accelerator or the machine has too little memory for this picture."""


class Misconfigured(AnywordError):
    """A setting, a checkpoint or a labelling config is wrong; the operator has to act."""


class Unavailable(AnywordError):
    """The database cannot be read or written now; nothing was stored, and the operator has to act."""
