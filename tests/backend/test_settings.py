from pathlib import Path

import pytest

from backend.settings import Settings, read, table
from model.errors import Misconfigured

ADDRESS = "an address such as http://label-studio.local:8080"


def test_an_empty_environment_gives_the_defaults() -> None:
    assert read({}) == Settings()


def test_variables_of_others_are_left_alone() -> None:
    assert read({"PATH": "/bin", "HOME": "/root"}) == Settings()


def test_each_kind_of_value_is_read() -> None:
    settings = read(
        {
            "ANYWORD_PORT": "9191",
            "ANYWORD_IMAGE_TIMEOUT": "2.5",
            "ANYWORD_SEPARATE_REGIONS": "No",
            "ANYWORD_LABEL_STUDIO_URL": "http://label-studio.local:8080/sub",
        }
    )
    assert (settings.port, settings.image_timeout) == (9191, 2.5)
    assert settings.separate_regions is False
    assert settings.label_studio_url == "http://label-studio.local:8080/sub"


def test_an_empty_value_means_the_default() -> None:
    assert read({"ANYWORD_PORT": ""}).port == 9090


def test_an_unknown_variable_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(Misconfigured, match=r"ANYWORD_THREDS is no setting; did you mean ANYWORD_THREADS\?"):
        read({"ANYWORD_THREDS": "4"})


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("ANYWORD_PORT", "many", "a whole number"),
        ("ANYWORD_PORT", "70000", "from 0 to 65535"),
        ("ANYWORD_THREADS", "1.5", "a whole number"),
        ("ANYWORD_QUEUE_SIZE", "0", "at least 1"),
        ("ANYWORD_IMAGE_TIMEOUT", "nan", "from 0.1 to 90"),
        ("ANYWORD_SEPARATE_REGIONS", "maybe", "true or false"),
        ("ANYWORD_DTYPE", "float8", "float32, bfloat16, float16"),
        ("ANYWORD_PRESET_INTERACTIVE", "quick", "fast, balanced, accurate"),
        ("ANYWORD_PRESET_BATCH", "best", "fast, balanced, accurate"),
        ("ANYWORD_MAX_IMAGE_MEGAPIXELS", "200", "from 1 to 178"),
        ("ANYWORD_LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING, ERROR"),
        ("ANYWORD_LABEL_STUDIO_URL", "label-studio:8080", ADDRESS),
        ("ANYWORD_LABEL_STUDIO_URL", "http://", ADDRESS),
        ("ANYWORD_LABEL_STUDIO_URL", "http:/label-studio", ADDRESS),
        ("ANYWORD_LABEL_STUDIO_URL", "http://label studio", ADDRESS),
        ("ANYWORD_LABEL_STUDIO_URL", "http://label-studio:80a", ADDRESS),
        ("ANYWORD_LABEL_STUDIO_URL", "http://label-studio:80800", ADDRESS),
        ("ANYWORD_LABEL_STUDIO_URL", "http://http://label-studio", ADDRESS),
        ("ANYWORD_LABEL_STUDIO_URL", '"http://label-studio"', ADDRESS),
        ("ANYWORD_LABEL_STUDIO_URL", "ftp://label-studio", ADDRESS),
        ("ANYWORD_LABEL_STUDIO_URL", "http://[::1", ADDRESS),
        ("ANYWORD_LOCAL_FILES_ROOT", "/nowhere/at/all", "there is no such folder"),
        ("ANYWORD_LOCAL_FILES_ROOT", "x" * 5000, "cannot be read"),
    ],
)
def test_a_bad_value_names_key_and_value(name: str, value: str, wanted: str) -> None:
    with pytest.raises(Misconfigured, match=wanted) as caught:
        read({name: value})
    assert str(caught.value).startswith(f"{name} is {value!r}")


def test_the_password_of_an_address_is_not_told() -> None:
    with pytest.raises(Misconfigured) as caught:
        read({"ANYWORD_LABEL_STUDIO_URL": "htp://anna:word-1@label-studio"})
    assert "word-1" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8080/", "https://label-studio.example.org/sub", "http://anna:b@10.0.0.1", "http://[::1]:8080"],
)
def test_an_address_is_taken_as_it_is(url: str) -> None:
    assert read({"ANYWORD_LABEL_STUDIO_URL": f" {url}\n"}).label_studio_url == url


def test_a_choice_may_be_written_in_other_letters() -> None:
    settings = read({"ANYWORD_LOG_LEVEL": "info ", "ANYWORD_LOG_FORMAT": "JSON", "ANYWORD_PRESET_BATCH": "Fast"})
    assert (settings.log_level, settings.log_format, settings.preset_batch) == ("INFO", "json", "fast")


def test_a_key_is_read_without_the_end_of_its_line() -> None:
    assert read({"ANYWORD_LABEL_STUDIO_API_KEY": " key-1 \n"}).label_studio_api_key == " key-1 "


def test_the_folder_of_local_files_has_to_be_there(tmp_path: Path) -> None:
    assert read({"ANYWORD_LOCAL_FILES_ROOT": str(tmp_path)}).local_files_root == str(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="no such folder"):
        read({"ANYWORD_LOCAL_FILES_ROOT": str(tmp_path / "file")})


@pytest.mark.parametrize(
    ("given", "threads", "queue"),
    [
        ({}, 32, 8),
        ({"THREADS": "4"}, 4, 3),
        ({"THREADS": "64"}, 64, 8),
        ({"QUEUE_SIZE": "2"}, 32, 2),
        ({"QUEUE_SIZE": "50"}, 74, 50),
        ({"THREADS": "9", "QUEUE_SIZE": "8"}, 9, 8),
    ],
)
def test_threads_and_queue_go_together(given: dict[str, str], threads: int, queue: int) -> None:
    settings = read({f"ANYWORD_{name}": value for name, value in given.items()})
    assert (settings.threads, settings.queue_size) == (threads, queue)


@pytest.mark.parametrize("given", [{"THREADS": "8", "QUEUE_SIZE": "8"}, {"QUEUE_SIZE": "500"}])
def test_a_queue_without_threads_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(Misconfigured, match=r"ANYWORD_THREADS is .*larger than ANYWORD_QUEUE_SIZE"):
        read({f"ANYWORD_{name}": value for name, value in given.items()})


def test_user_and_password_go_together() -> None:
    with pytest.raises(Misconfigured, match="go together"):
        read({"ANYWORD_BASIC_AUTH_USER": "anna"})


def test_secrets_stay_out_of_the_representation() -> None:
    secrets = {"ANYWORD_LABEL_STUDIO_API_KEY": "key-1", "ANYWORD_BASIC_AUTH_PASSWORD": "word-2"}
    secrets["ANYWORD_DATABASE"] = "postgresql://anna:word-3@host/name"
    shown = repr(read({**secrets, "ANYWORD_BASIC_AUTH_USER": "anna"}))
    assert "anna" in shown
    assert not any(secret in shown for secret in secrets.values())


def test_the_table_has_a_row_for_each_setting() -> None:
    rows = table().splitlines()
    assert len(rows) == 2 + len(Settings.__dataclass_fields__)
    assert "| `ANYWORD_PORT` | `9090` | Port to listen on |" in rows


def test_a_host_that_is_written_as_an_address_is_refused_at_the_start() -> None:
    with pytest.raises(Misconfigured, match=r"ANYWORD_IMAGE_HOSTS has 'http://minio:9000', but takes `public`"):
        read({"ANYWORD_IMAGE_HOSTS": "public,http://minio:9000"})
