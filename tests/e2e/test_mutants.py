"""The stories notice a backend that answers wrongly: they are told to one that does so on purpose, and have to fail."""

from contextlib import AbstractContextManager, nullcontext

import pytest
from playwright.sync_api import Page

from backend.samples import label_of, name_of
from tests.e2e.conftest import Album, Studio
from tests.e2e.editor import Editor
from tests.e2e.proxy import Spoil, spoiling, swapped, truncated, untouched
from tests.e2e.servers import Backend
from tests.e2e.stories import LOOKS, compare


@pytest.mark.parametrize("spoil", [untouched, truncated, swapped])
def test_a_spoiled_answer_is_noticed(page: Page, studio: Studio, backend: Backend, threes: Album, spoil: Spoil) -> None:
    """With brush masks, whose run-length encoding can be cut; the untouched answer shows that nothing else fails."""
    scene = threes.scenes[0]
    thing = scene.objects[0]
    with spoiling(backend.url, spoil) as spoiled:
        project = studio("B", threes, spoiled)
        editor = Editor(page, project, f"mutant {spoil.__name__}")
        editor.open(int(project.tasks()[0]["id"]), scene.image)
        answer = editor.type(name_of(thing))
        with _noticed(spoil):
            compare(answer, [thing])
        with _noticed(spoil):
            editor.sees(label_of(thing), thing.mask, LOOKS)


def _noticed(spoil: Spoil) -> AbstractContextManager[object]:
    return nullcontext() if spoil is untouched else pytest.raises(AssertionError)
