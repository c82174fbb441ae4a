"""What to do about errors, for the messages that the code really raises."""

from pathlib import Path

import pytest

from backend.labelstudio import label_config
from backend.page.remedies import REMEDIES, remedy
from backend.pictures.images import Images, ImageSource
from backend.pictures.network.allowed_hosts import reach_of
from model.errors import BadImage, Misconfigured
from tests.backend import calls, picture_server


def refusal(url: str, **source: object) -> str:
    loading = Images(ImageSource(**{"timeout_s": 2.0, "reach": reach_of("private")} | source))  # type: ignore[arg-type]
    with pytest.raises(BadImage) as refused:
        loading.load(url)
    loading.web.session.close()
    return str(refused.value)


def test_a_refused_key_says_where_keys_come_from() -> None:
    with picture_server.serving() as url:
        without = refusal("/locked/a.png", hostname=url)
        wrong = refusal("/locked/a.png", hostname=url, api_key="0" * 40)
    assert "Personal Access Token" in remedy(without)
    assert "refused" in remedy(wrong)


def test_a_missing_picture_a_page_and_a_dead_link_have_their_remedies() -> None:
    with picture_server.serving() as url:
        assert "sync the storage" in remedy(refusal(f"{url}/gone/a.png"))
        assert "log-in" in remedy(refusal(f"{url}/page/a.png"))
        assert "ANYWORD_MAX_IMAGE_MB" in remedy(refusal(f"{url}/a.png", max_bytes=100))
    assert "container" in remedy(refusal("http://localhost:9/a.png"))
    assert "ANYWORD_MAX_IMAGE_MEGAPIXELS" in remedy(refusal(calls.data_uri(calls.picture()), max_pixels=10))
    assert "ANYWORD_LABEL_STUDIO_URL" in remedy(refusal("/data/upload/1/a.png"))
    assert "have to be listed" in remedy(refusal("http://10.0.0.5/a.png", reach=reach_of("public")))


def test_a_local_file_that_is_not_there_names_label_studios_setting(tmp_path: Path) -> None:
    message = refusal("a.png", local_files_root=str(tmp_path))
    assert "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT" in remedy(message)


def test_a_labelling_config_without_masks_points_at_the_examples() -> None:
    with pytest.raises(Misconfigured) as refused:
        label_config.read(calls.WITHOUT_MASK)
    assert "Copy one" in remedy(str(refused.value))


def test_a_message_that_says_it_all_has_no_remedy() -> None:
    assert remedy("the point at 130 %, 20 % lies outside the picture") == ""


def test_no_remedy_hides_behind_another() -> None:
    assert len({remedy for _, remedy in REMEDIES}) == len(REMEDIES)
