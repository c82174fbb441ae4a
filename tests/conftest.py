"""Settings of the test run."""

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("no-deadline")
