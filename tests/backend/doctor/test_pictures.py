"""Whether a project's pictures can be read, by the very rules of the server."""

import pytest

from tests.backend.doctor.clinic import Clinic
from tests.backend.site import png


def told(clinic: Clinic, url: str) -> tuple[str, str, str]:
    """What is found out about the first task's picture."""
    clinic.tasks = [{"id": 7, "data": {"image": url}}]
    [found] = [each for each in clinic.examine() if each.name == "project 12, pictures"]
    return found.status, found.what, found.remedy


def test_a_picture_that_can_be_read(clinic: Clinic) -> None:
    clinic.site.routes["/data/upload/12/a.png"] = png
    assert told(clinic, "/data/upload/12/a.png") == ("ok", "that of task 7 can be read, 7 x 5 pixels", "")


@pytest.mark.parametrize("url", ["http://10.0.0.5/a.png", "http://169.254.169.254/a.png"])
def test_a_picture_where_our_own_rules_forbid_to_look(clinic: Clinic, url: str) -> None:
    status, what, remedy = told(clinic, url)
    assert status == "problem"
    assert what.startswith(f"that of task 7 cannot be read, {url} is at a")
    assert "have to be listed" in remedy


def test_pictures_that_are_not_there(clinic: Clinic) -> None:
    status, what, remedy = told(clinic, "/data/upload/12/gone.png")
    assert (status, what.partition(", ")[2]) == ("problem", f"404 from {clinic.site.url}/data/upload/12/gone.png")
    assert "sync the storage" in remedy


def test_a_file_that_is_no_picture(clinic: Clinic) -> None:
    clinic.site.routes["/data/upload/12/a.svg"] = lambda _: (200, {"Content-Type": "image/svg+xml"}, b"<svg/>")
    status, _, remedy = told(clinic, "/data/upload/12/a.svg")
    assert (status, remedy) == ("problem", "Correct the address in the task, or its file.")


def test_a_project_without_tasks_has_no_pictures_to_speak_of(clinic: Clinic) -> None:
    assert "project 12, pictures" not in [found.name for found in clinic.examine()]
