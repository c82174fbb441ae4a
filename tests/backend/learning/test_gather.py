from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from backend.labelstudio import label_config
from backend.learning.gather import GROUND_TRUTH_WEIGHT, examples
from backend.webhooks.corrections import Annotation, Correction, Offer
from model.coco_rle import CocoRle, pack
from model.learning.dataset.learning_examples import LearningExample
from model.types import Image

CONFIG = label_config.read(
    '<View><Image name="img" value="$image"/><BrushLabels name="mask" toName="img">'
    '<Label value="dog"/><Label value="cat"/><Label value="background"/></BrushLabels>'
    '<TextArea name="prompt" toName="img"/></View>'
)
ONE_LABEL = replace(CONFIG, labels=CONFIG.labels[:1])
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def square(at: int, size: int = 32) -> CocoRle:
    mask = np.zeros((size, size), np.bool_)
    mask[at : at + 8, at : at + 8] = True
    return pack(mask)


def annotation(number: int, *corrections: Correction, task: int = 1, user: str = "anna") -> Annotation:
    updated = NOON + timedelta(minutes=number)
    return Annotation(number, task, f"/{number}.png", user, updated, corrections=corrections)


def dog(region: str = "r", at: int = 0) -> Correction:
    return Correction(region, "dog", square(at))


def offer(phrase: str, at: int = 0, region: str = "r") -> Offer:
    return Offer(region, "1", "dog", phrase, square(at), "v")


def fetch(_: Annotation) -> Image:
    raise AssertionError("no picture is fetched before it is needed")


def gathered(*annotations: Annotation, offers: tuple[Offer, ...] = ()) -> tuple[LearningExample, ...]:
    return examples(annotations, {each.region: each for each in offers}, CONFIG, fetch)


def phrases(*annotations: Annotation, offers: tuple[Offer, ...] = ()) -> list[str]:
    return [opinion.phrase for each in gathered(*annotations, offers=offers) for opinion in each.opinions]


def test_each_annotated_task_is_an_example() -> None:
    both = gathered(annotation(1, dog(), task=7), annotation(2, dog(), dog("s", 9), task=3))
    assert [(each.picture, len(each.opinions)) for each in both] == [("3", 2), ("7", 1)]


def test_annotators_of_one_picture_speak_side_by_side() -> None:
    [example] = gathered(annotation(1, dog()), annotation(2, dog(at=4), user="ben"))
    assert [(each.annotator, each.mask) for each in example.opinions] == [("anna", square(0)), ("ben", square(4))]
    assert example.annotators == {"anna": 1.0, "ben": 1.0}


def test_an_annotation_without_masks_says_that_there_is_nothing() -> None:
    [example] = gathered(annotation(1))
    assert (example.opinions, example.annotators) == ((), {"anna": 1.0})


def test_a_skipped_task_is_no_evidence() -> None:
    assert gathered(replace(annotation(1, dog()), cancelled=True)) == ()


def test_an_annotation_with_an_unreadable_mask_is_left_out_and_others_of_the_picture_stay() -> None:
    broken = replace(annotation(1, dog()), complete=False)
    [example] = gathered(broken, annotation(2, dog(), user="ben"))
    assert example.annotators == {"ben": 1.0}
    assert gathered(broken) == ()


def test_an_annotator_s_last_annotation_counts() -> None:
    [example] = gathered(annotation(2, dog(at=4)), annotation(1, dog(at=0)))
    assert [each.mask for each in example.opinions] == [square(4)]


def test_a_ground_truth_weighs_more_and_stands_above_newer_annotations() -> None:
    truth = replace(annotation(1, dog(at=4)), ground_truth=True)
    [example] = gathered(truth, annotation(2, dog(at=0)), annotation(3, user="ben"))
    assert [each.mask for each in example.opinions] == [square(4)]
    assert example.annotators == {"anna": GROUND_TRUTH_WEIGHT, "ben": 1.0}


def test_imported_annotations_count_beside_those_of_the_one_who_imported_them() -> None:
    imported = [replace(annotation(number, dog()), imported=True) for number in (1, 2)]
    [example] = gathered(*imported, annotation(3, dog()))
    assert sorted(example.annotators) == ["anna", "imported 1", "imported 2"]


def test_labels_that_left_the_config_and_the_background_are_dropped() -> None:
    gone, behind = Correction("a", "horse", square(0)), Correction("b", "background", square(0))
    [example] = gathered(annotation(1, gone, behind, dog("c")))
    assert [each.label for each in example.opinions] == ["dog"]


def test_a_mask_without_a_label_has_the_only_one_there_is() -> None:
    bare = annotation(1, Correction("a", None, square(0)))
    assert gathered(bare)[0].opinions == ()
    [example] = examples([bare], {}, ONE_LABEL, fetch)
    assert [each.label for each in example.opinions] == ["dog"]


def test_a_mask_has_the_phrase_that_it_was_offered_for() -> None:
    assert phrases(annotation(1, dog(at=1)), offers=(offer("brown dog"),)) == ["brown dog"]


def test_a_mask_that_was_redrawn_elsewhere_has_no_phrase() -> None:
    assert phrases(annotation(1, dog(at=20)), offers=(offer("brown dog"),)) == [""]
    other_size = Correction("r", "dog", square(0, size=40))
    assert phrases(annotation(1, other_size), offers=(offer("brown dog"),)) == [""]


def test_what_was_typed_speaks_for_the_only_mask() -> None:
    one = replace(annotation(1, dog()), texts=("Dog: the brown dog", "the brown dog"))
    assert phrases(replace(one, texts=("the brown dog",))) == ["the brown dog"]
    assert phrases(replace(one, texts=("Dog: the brown dog",))) == ["the brown dog"]
    assert phrases(replace(one, texts=("cat: the tabby",))) == [""]
    assert phrases(replace(one, texts=("the dog; the hat",))) == [""]
    assert phrases(replace(one, texts=("word " * 300,))) == [""]
    assert phrases(replace(one, corrections=(dog(), dog("s", 9)), texts=("the brown dog",))) == ["", ""]


def test_what_was_typed_speaks_for_a_mask_that_points_asked_for() -> None:
    one = replace(annotation(1, dog()), texts=("the brown dog",))
    assert phrases(one, offers=(offer(""),)) == ["the brown dog"]


def test_the_picture_is_fetched_at_the_newest_address_when_it_is_needed() -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    asked: list[str] = []

    def fetching(each: Annotation) -> Image:
        asked.append(each.picture)
        return picture

    [example] = examples([annotation(2, user="ben"), annotation(1)], {}, CONFIG, fetching)
    assert not asked
    assert example.image() is picture
    assert asked == ["/2.png"]
