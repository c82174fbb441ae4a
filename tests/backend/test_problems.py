import logging

import pytest
from werkzeug.exceptions import RequestEntityTooLarge

from backend.problems import Problem, problem
from model.errors import AnywordError, BadImage, BadQuery, Busy, Misconfigured, OutOfMemory, Superseded


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadQuery("m"), 422),
        (BadImage("m"), 422),
        (Misconfigured("m"), 422),
        (Busy("m", retry_after=7), 503),
        (Superseded("m", retry_after=7), 503),
        (OutOfMemory("m"), 507),
    ],
)
def test_each_engine_error_has_its_status(error: AnywordError, status: int) -> None:
    assert problem(error) == Problem(status, "m", type(error).__name__, 7 if status == 503 else None)


def test_every_engine_error_has_a_status() -> None:
    assert all(issubclass(kind, AnywordError) for kind in AnywordError.__subclasses__())
    assert {kind.__name__ for kind in AnywordError.__subclasses__()} == {
        "BadQuery", "BadImage", "Misconfigured", "Busy", "OutOfMemory", "Unavailable",
    }  # fmt: skip


def test_an_http_error_keeps_status_and_description() -> None:
    assert problem(RequestEntityTooLarge("40 MB")) == Problem(413, "40 MB", "HTTP")


def test_missing_memory_outside_the_engine_is_no_bug() -> None:
    trouble = problem(MemoryError("Unable to allocate 300 MiB"))
    assert (trouble.status, trouble.kind) == (507, "OutOfMemory")
    assert "use a smaller picture" in trouble.message


def test_a_bug_gets_an_id_in_the_answer_and_its_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        trouble = problem(KeyError("secret detail"))
    ticket = trouble.message.split()[2].rstrip(":")
    assert trouble.status == 500
    assert "secret" not in trouble.message
    assert ticket in caplog.text
    assert "secret detail" in caplog.text


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("Labeling config needs <Brush> or <Bitmask>", "422 Labeling config needs <Brush> or <Bitmask>"),
        ("two\r\nX-Injected: lines", "422 two X-Injected: lines"),
        ("no красный круг here", "422 no ??????? ???? here"),
        ("x" * 1000, "422 " + "x" * 240),
    ],
)
def test_the_status_line_is_one_short_line_of_ascii(message: str, line: str) -> None:
    assert Problem(422, message, "BadQuery").status_line == line
