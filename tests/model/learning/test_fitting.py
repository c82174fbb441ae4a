"""What pictures teach about one label, on the embedded models. Scenes are the first that fit."""

from model.engine import Engine
from model.learning.fitting import fit_known
from model.learning.lesson_content import NOTHING
from model.learning.replay import Memory
from model.learning.search import Study
from tests.model.learning.pictures import curriculum, shape


def test_a_word_that_nobody_knows_is_asked_as_known_words_that_find_what_it_stands_for(engine: Engine) -> None:
    stars = curriculum({"glorp": shape("star")}, 4, side=192)
    study = Study(Memory(engine, stars, lambda: None), stars.examples)
    pictures = [each.picture for each in stars.examples]
    before = study.level("glorp", NOTHING, pictures)
    lesson = fit_known(study, "glorp", NOTHING, pictures)
    assert before < 0.2
    assert lesson.phrases[0].split()[-1] in engine.models.backbone.words
    assert study.level("glorp", lesson, pictures) > 0.6


def test_a_label_that_is_found_keeps_its_name(engine: Engine) -> None:
    circles = curriculum({"circle": shape("circle")}, 3, side=192)
    study = Study(Memory(engine, circles, lambda: None), circles.examples)
    assert fit_known(study, "circle", NOTHING, [each.picture for each in circles.examples]) is NOTHING
