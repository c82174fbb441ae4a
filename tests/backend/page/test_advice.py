"""What a labelling config could do better, each on its own line."""

import pytest

from backend.page import advice as lines
from backend.page.advice import advice
from model.errors import Misconfigured
from tests.backend.configs import SCRIBBLE, A, C, D


@pytest.mark.parametrize(
    ("taken", "put", "said"),
    [
        ('name="point" toName="image" smart="true"', 'name="point" toName="image"', '<KeyPoint name="point"> does not'),
        ('name="box" toName="image" smart="true"', 'name="box" toName="image"', '<Rectangle name="box"> does not ask'),
        (' smartOnly="true"', "", '<KeyPoint name="point"> leaves points behind'),
        ('maxSubmissions="1" ', "", '<TextArea name="prompt"> keeps every text'),
        ('name="status"', 'name="note"', 'add <TextArea name="status" toName="board"'),
        ('toName="board"', 'toName="image"', "give the status text area an object of its own"),
    ],
)
def test_each_lack_is_one_line(taken: str, put: str, said: str) -> None:
    (line,) = advice(A.replace(taken, put, 1))
    assert said in line


def test_labels_of_a_tools_own_make_no_difference() -> None:
    (line,) = advice(
        C.replace(
            '<KeyPointLabels name="point" toName="image" smart="true" smartOnly="true"',
            '<KeyPointLabels name="point" toName="image" smart="true"',
        )
    )
    assert line.startswith('<KeyPointLabels name="point"> leaves points behind')


def test_a_config_that_cannot_ask_works_for_pre_annotations_and_is_told() -> None:
    xml = """<View><Image name="i" value="$image"/>
      <BrushLabels name="b" toName="i"><Label value="Dog"/></BrushLabels></View>"""
    assert advice(xml) == (lines.NO_PROMPT, lines.NO_STATUS.format(key="image"))


def test_a_config_without_labels_is_told() -> None:
    assert lines.NO_LABELS in advice('<View><Image name="i" value="$u"/><Brush name="b" toName="i"/></View>')


def test_several_text_areas_need_one_called_prompt() -> None:
    area = '<TextArea name="other" toName="image" maxSubmissions="1"/>'
    several = A.replace('name="prompt"', 'name="what"').replace("<Bitmask ", f"{area}<Bitmask ")
    assert advice(several) == (lines.SEVERAL_AREAS,)


def test_lines_and_brushes_ask_too() -> None:
    assert not [line for line in advice(SCRIBBLE) if line == lines.NO_PROMPT]


def test_text_in_a_box_is_a_prompt() -> None:
    assert advice(D) == ()


def test_tools_on_another_picture_are_left_out() -> None:
    other = '<Image name="two" value="$two"/><KeyPoint name="second" toName="two"/>'
    assert advice(A.replace("</View>", f"{other}</View>")) == ()


def test_what_cannot_be_served_is_refused() -> None:
    with pytest.raises(Misconfigured, match="needs <Brush> or <Bitmask>"):
        advice('<View><Image name="i" value="$u"/></View>')
