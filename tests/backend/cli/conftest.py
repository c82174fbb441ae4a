"""The doctor's surroundings, for its command."""

from tests.backend.doctor.conftest import clinic

__all__ = ["clinic"]
