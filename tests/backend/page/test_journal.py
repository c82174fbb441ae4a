"""What the journal keeps, and that it stays small."""

import threading

import numpy as np
import pytest

from backend.page import journal as journals
from backend.page.journal import AnsweredTask, ConnectedProject, Journal, entry_of
from backend.problems import Problem, problem
from model.errors import Superseded
from model.types import Answer, Finding, Phrase, Word
from tests.backend.calls import picture
from tests.backend.entries import answered, asked, entry

BUSY = Problem(503, "8 requests are waiting already", "Busy", 3)


def test_the_newest_entry_comes_first_and_the_oldest_goes() -> None:
    journal = Journal()
    for number in range(35):
        journal.record(entry(message=f"answer {number}"))
    assert [each.number for each in journal.entries] == list(range(35, 5, -1))
    assert journal.entries[0].occasion.message == "answer 34"


def test_replicas_number_their_entries_from_different_places_on() -> None:
    one, other = Journal(last=40), Journal(last=7_000)
    for journal in (one, other):
        journal.record(entry())
    assert [each.number for journal in (one, other) for each in journal.entries] == [41, 7_001]


def test_an_entry_counts_what_was_asked() -> None:
    each = entry("the red thing")
    assert (each.text, each.points, each.boxes, each.strokes, each.interactive) == ("the red thing", 2, 1, 0, True)


def test_sketches_stay_within_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, size = Journal(), entry().sketch.bytes
    monkeypatch.setattr(journals, "SKETCH_BYTES", 3 * size)
    for _ in range(5):
        journal.record(entry())
    assert [each.number for each in journal.entries] == [5, 4, 3]


def test_a_sketch_of_a_large_picture_is_small() -> None:
    image = np.random.default_rng(0).integers(0, 255, (1500, 2000, 3), np.uint8)
    answer = answered(image, regions=40)
    sketch = entry_of(AnsweredTask("1", "1", 0.1, ""), image, asked(), answer).sketch
    assert max(sketch.size) <= 320
    assert sketch.size[1] / sketch.size[0] == pytest.approx(4 / 3, abs=0.02)
    assert (len(sketch.masks), sketch.left_out) == (12, 28)
    assert sketch.bytes < 200_000


def test_attention_is_shown_before_what_refinement_made_of_it() -> None:
    phrase = Phrase("red thing", Word("thing", "thing", 4, 9))
    attended, scores = np.eye(4, dtype=np.float32), np.ones((4, 4), np.float32)
    finding = Finding(phrase, 0, scores, 0.1, present=False, attended=attended)
    sketch = entry_of(AnsweredTask("1", "1", 0.1, ""), picture(), asked(), Answer((), (finding,))).sketch
    assert [each.title for each in sketch.maps] == ["red thing: attention", "red thing: refined, not found"]
    assert np.array_equal(sketch.maps[0].scores, 255 * attended)


def test_masks_points_and_boxes_keep_their_places() -> None:
    sketch = entry(image=picture(480, 640)).sketch
    assert sketch.size == (240, 320)
    rows, columns = np.nonzero(sketch.mask(0))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 89, 40, 119)
    (prompt,) = sketch.prompts
    assert prompt.point_coords.tolist() == [[80, 60], [240, 180]]
    assert prompt.point_labels.tolist() == [1, 0]
    assert prompt.box is not None
    assert prompt.box.tolist() == [0, 0, 160, 120]


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 641)])
def test_pictures_of_any_shape_have_a_sketch(size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    sketch = entry_of(AnsweredTask("1", "1", 0.1, ""), image, asked(), Answer(())).sketch
    assert 1 <= min(sketch.size) <= max(sketch.size) <= 320


def test_equal_errors_in_a_row_are_counted_together() -> None:
    journal = Journal()
    for _ in range(3):
        journal.fail(BUSY, "task 1")
    journal.fail(Problem(422, "image: 404", "BadImage"), "task 2")
    journal.fail(BUSY, "task 3")
    assert [(failure.kind, failure.times, failure.where) for failure in journal.failures] == [
        ("Busy", 1, "task 3"),
        ("BadImage", 1, "task 2"),
        ("Busy", 3, "task 1"),
    ]


def test_a_click_that_a_newer_one_overtook_is_no_error() -> None:
    journal = Journal()
    journal.fail(problem(Superseded("a newer click came", retry_after=1)), "task 1")
    assert journal.failures == []


def test_errors_and_projects_are_bounded() -> None:
    journal = Journal()
    for number in range(60):
        journal.fail(Problem(422, f"image {number} " + "x" * 1000, "BadImage"), "task")
        journal.see(ConnectedProject(f"{number}.1", "http://localhost:8080"))
    assert len(journal.failures) == 20
    assert max(len(failure.message) for failure in journal.failures) == 300
    assert [project.project for project in journal.projects] == [f"{number}.1" for number in range(59, 9, -1)]


def test_a_project_is_there_once_as_it_was_seen_last() -> None:
    journal = Journal()
    for advice in (("add a status area",), ()):
        journal.see(ConnectedProject("3.1", "http://localhost:8080", advice))
    (project,) = journal.projects
    assert project.advice == ()


def test_threads_share_a_journal() -> None:
    journal, each = Journal(), entry()

    def work() -> None:
        for _ in range(50):
            journal.record(each)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [kept.number for kept in journal.entries] == list(range(200, 170, -1))


def test_half_characters_are_made_readable() -> None:
    journal = Journal()
    journal.record(entry("a \ud800 dog", message="\udfff"))
    journal.fail(Problem(422, "\ud83d", "BadQuery"), "task \ud800")
    journal.see(ConnectedProject("\ud800", "http://\ud800"))
    assert journal.entries[0].text == "a ? dog"
    assert (journal.failures[0].message, journal.failures[0].where) == ("?", "task ?")
    assert (journal.projects[0].project, journal.projects[0].hostname) == ("?", "http://?")
