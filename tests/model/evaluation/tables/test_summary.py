import pytest

from model.evaluation.records import Area, ClassArea, Effort, Record, parsed
from model.evaluation.tables.summary import figures, table
from tests.model.evaluation.replies import record, reply

HALF, WHOLE, FOUND_NOTHING = Area(10, 20, 15), Area(20, 20, 20), Area(0, 0, 0)


def test_paraphrases_do_not_count_among_the_texts() -> None:
    found = {
        each.name: each.value
        for each in figures([record("1", reply(areas=[WHOLE]), reply(areas=[HALF], said=(0, 1, "")))])
    }
    assert found["mean IoU of phrases that are there"] == 1
    assert found["mean IoU over paraphrases"] == 0.75
    assert found["deviation of IoU over paraphrases"] == 0.25


def test_absent_phrases_and_forms_are_told_apart() -> None:
    records = [
        record("1", reply(areas=[WHOLE], said=(0, 0, "with")), reply(areas=[HALF], said=(1, 0, "and"))),
        record("2", reply(areas=[FOUND_NOTHING], said=(0, 0, "absent"))),
    ]
    found = {each.name: (each.value, each.cases) for each in figures(records)}
    assert found["mean IoU of phrases that are there"] == (0.75, 2)
    assert found["absent phrases rightly not found"] == (1, 1)
    assert (found["  with"], found["  and"]) == ((1, 1), (0.5, 1))
    assert "  absent" not in found


def test_classes_clicks_and_cost() -> None:
    classes = (ClassArea("dog", 10, 20, 10), ClassArea("cat", 5, 5, 5))
    efforts = (Effort(2, 0.8, True), Effort(20, 0.1, False))
    one = Record("1", (), classes, efforts, questions=4, seconds=2.0, unet_calls=3, unet_rows=12, refused=("why",))
    found = {each.name: each.value for each in figures([one])}
    assert found["mIoU over classes"] == 0.75
    assert found["IoU after one click"] == pytest.approx(0.45)
    assert found["clicks to 90% IoU, 20 at most"] == 11
    assert found["objects that got there, share"] == 0.5
    assert (found["seconds per picture"], found["seconds per question"]) == (2, 0.5)
    assert (found["UNet calls per picture"], found["pictures through the UNet per picture"]) == (3, 12)
    assert found["questions refused, share"] == 0.25
    assert "seconds per picture" in table(figures([one]))


def test_a_record_survives_its_line() -> None:
    one = Record(
        "1",
        (reply([0.5], [[0.2, 0.1]], 2, [HALF]),),
        (ClassArea("dog", 1, 2, 3),),
        (Effort(1, 0.95, True),),
        1,
        0.5,
        1,
        1,
    )
    assert parsed(one.line()) == one
