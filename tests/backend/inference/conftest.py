"""A database for each test."""

from tests.backend.webhooks.conftest import database

__all__ = ["database"]
