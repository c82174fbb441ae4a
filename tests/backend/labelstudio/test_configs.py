"""The labelling configs that people copy: valid for Label Studio, served, and without anything to advise."""

import pytest
from label_studio_sdk.label_interface.interface import LabelInterface

from backend.labelstudio import label_config
from backend.labelstudio.configs import BITMASK, EXAMPLES, REGION_TEXT, ConfigExample, labelled
from backend.page.advice import advice


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_every_example_has_all_there_is(example: ConfigExample) -> None:
    LabelInterface(example.xml).validate()  # type: ignore[no-untyped-call]
    config = label_config.read(example.xml)
    assert [label.value for label in config.foreground] == ["Dog", "Traffic light"]
    assert (config.keypoints, config.rectangles, config.status) == (("point",), ("box",), "board")
    assert config.prompt or config.region_prompt
    assert advice(example.xml) == ()


def test_the_text_of_a_box_belongs_to_the_box() -> None:
    config = label_config.read(REGION_TEXT.xml)
    assert (config.prompt, config.region_prompt) == (None, "prompt")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_labels_of_ones_own_take_the_place_of_the_examples(example: ConfigExample) -> None:
    config = label_config.read(labelled(example.xml, r'<Label value="Cat \1"/><Label value="Car"/>'))
    assert [label.value for label in config.labels] == [r"Cat \1", "Car"]
    assert label_config.read(BITMASK.xml).labels[0].names == ("Dog", "puppy", "hound")
