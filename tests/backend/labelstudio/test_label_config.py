"""What is read out of a labelling config, and what is said about one that cannot be served."""

from __future__ import annotations

import pytest

from backend.labelstudio import label_config
from backend.labelstudio.label_config import MaskControl
from model.errors import Misconfigured
from tests.backend.configs import C_BITMASK, SCRIBBLE, A, B, C, D, recorded

IMAGE = '<Image name="image" value="$image"/>'


@pytest.mark.parametrize(
    ("xml", "mask"),
    [
        (A, MaskControl("mask", "bitmask", "label")),
        (B, MaskControl("mask", "brush", "label")),
        (C, MaskControl("mask", "brushlabels", "mask")),
        (C_BITMASK, MaskControl("mask", "bitmasklabels", "mask")),
    ],
)
def test_the_mask_control_and_what_labels_it(xml: str, mask: MaskControl) -> None:
    config = label_config.read(xml)
    assert config.mask == mask
    assert (config.image, config.data_key) == ("image", "image")
    assert (config.keypoints, config.rectangles) == (("point",), ("box",))
    assert [label.value for label in config.foreground] == ["Dog", "Traffic light"]
    assert config.prompt == "prompt"


def test_smart_brushes_and_lines_ask_and_another_brush_takes_the_masks() -> None:
    config = label_config.read(SCRIBBLE)
    assert config.strokes == ("scribble", "lasso", "line")
    assert config.mask == MaskControl("mask", "brushlabels", "mask")
    assert [label.value for label in config.labels] == ["Dog", "Car"]


def test_the_only_brush_takes_the_masks_even_where_it_is_smart() -> None:
    config = label_config.read(f'<View>{IMAGE}<Brush name="b" toName="image" smart="true"/></View>')
    assert (config.mask.name, config.strokes) == ("b", ())


def test_only_a_text_area_called_status_shows_messages() -> None:
    renamed = A.replace('name="status"', 'name="note"')
    assert (label_config.read(A).status, label_config.read(renamed).status) == ("board", None)


def test_a_text_area_in_a_rectangle_is_its_own_prompt() -> None:
    config = label_config.read(D)
    assert (config.prompt, config.region_prompt) == (None, "prompt")


@pytest.mark.parametrize(
    ("areas", "prompt"),
    [
        (['name="what"'], "what"),
        (['name="what"', 'name="status"'], "what"),
        (['name="what"', 'name="note" smart="false"'], "what"),
        (['name="what"', 'name="other"'], None),
        (['name="other"', 'name="prompt"'], "prompt"),
        (['name="what" perRegion="true"'], None),
    ],
)
def test_which_text_area_is_the_prompt(areas: list[str], prompt: str | None) -> None:
    nodes = "".join(f'<TextArea {area} toName="image"/>' for area in areas)
    xml = f'<View>{IMAGE}<Brush name="b" toName="image"/>{nodes}</View>'
    assert label_config.read(xml).prompt == prompt


def test_an_alias_is_what_results_carry_and_every_name_is_understood() -> None:
    labels = '<Label value="Hund" alias="dog" predicted_values="puppy, hound ,"/>'
    xml = f'<View>{IMAGE}<BrushLabels name="b" toName="image">{labels}</BrushLabels></View>'
    (label,) = label_config.read(xml).labels
    assert (label.value, label.names) == ("dog", ("Hund", "dog", "puppy", "hound"))
    assert label_config.read(xml).label_called(" HOUND ") == label


def test_labels_for_the_background_are_known_by_any_of_their_names() -> None:
    labels = '<Label value="Rest" alias="background"/><Label value="Sky"/>'
    xml = f'<View>{IMAGE}<BrushLabels name="b" toName="image">{labels}</BrushLabels></View>'
    config = label_config.read(xml)
    assert [label.value for label in config.foreground] == ["Sky"]
    assert config.negatives == {"background", "negative", "rest"}


def test_a_brush_without_labels_is_served() -> None:
    config = label_config.read(f'<View>{IMAGE}<Brush name="b" toName="image"/></View>')
    assert (config.mask.labels_name, config.labels) == (None, ())


def test_controls_of_another_object_are_left_out() -> None:
    other = '<Text name="text" value="$text"/><TextArea name="prompt" toName="text"/><Labels name="ner" toName="text"/>'
    config = label_config.read(f'<View>{IMAGE}<Brush name="b" toName="image"/>{other}</View>')
    assert (config.prompt, config.mask.labels_name) == (None, None)


def test_tags_are_known_in_any_case() -> None:
    xml = '<View><image name="i" value="$url"/><BRUSH name="b" toName="i"/></View>'
    assert label_config.read(xml).data_key == "url"


BOMB = '<!DOCTYPE v [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><View>&b;</View>'
FILE = '<!DOCTYPE v [<!ENTITY a SYSTEM "file:///etc/passwd">]><View>&a;</View>'


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        ("", "Labeling config is not readable XML"),
        ("hello", "Labeling config is not readable XML"),
        (BOMB, "Labeling config is not readable XML"),
        (FILE, "Labeling config is not readable XML"),
        (f"<View>{IMAGE}</View>", "Labeling config needs <Brush> or <Bitmask>"),
        (f'<View>{IMAGE}<Choices name="c" toName="image"/></View>', "Labeling config needs <Brush> or <Bitmask>"),
        (
            '<View><Video name="v" value="$v"/><VideoRectangle name="b" toName="v"/></View>',
            "Labeling config needs <Brush> or <Bitmask> on an <Image>",
        ),
        (
            '<View><Paragraphs name="p" value="$p"/><Brush name="b" toName="p"/></View>',
            "Labeling config needs <Brush> or <Bitmask> on an <Image>",
        ),
        (
            '<View><Image name="i" valueList="$pages"/><Brush name="b" toName="i"/></View>',
            "Labeling config needs <Image> with value=$key",
        ),
    ],
)
def test_a_config_that_cannot_be_served_is_refused_with_a_reason_phrase(xml: str, reason: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        label_config.read(xml)
    assert str(refused.value) == reason
    assert str(refused.value).encode("latin-1")
    assert "\n" not in str(refused.value)


def test_a_recorded_config_is_read() -> None:
    config = label_config.read(recorded("setup")["schema"])
    assert config.mask == MaskControl("brush", "brushlabels", "brush")
    assert [label.value for label in config.labels] == ["Object", "Other"]
    assert (config.keypoints, config.rectangles, config.prompt) == (("kp",), ("rect",), "prompt")


def test_the_same_config_is_read_once() -> None:
    assert label_config.read(A) is label_config.read(A)


@pytest.mark.parametrize(
    "name", ["background", "The Background!", "class: background", "ｎｅｇａｔｉｖｅ", "[negative]"]
)
def test_a_background_is_known_however_it_is_written(name: str) -> None:
    config = label_config.read(C.replace('value="Dog"', f'value="{name}"'))
    assert [label.value for label in config.foreground] == ["Traffic light"]
    assert name.casefold() in config.negatives


def test_the_content_of_a_label_is_its_value() -> None:
    written = '<Label>Cat</Label><Label>\n  a big cat </Label><Label value="Dog"'
    labels = label_config.read(C.replace('<Label value="Dog"', written)).labels
    assert [label.value for label in labels][:3] == ["Cat", "a big cat", "Dog"]


def test_a_labels_value_goes_before_its_content() -> None:
    xml = C.replace('<Label value="Dog"', '<Label value="dog" alias="hound">Cat</Label><Label value="Dog"')
    assert label_config.read(xml).labels[0].names == ("dog", "hound")
