from collections.abc import Iterator

import pytest

from tests.backend.doctor.clinic import Clinic
from tests.backend.doctor.clinic import clinic as opened


@pytest.fixture
def clinic() -> Iterator[Clinic]:
    with opened() as clinic:
        yield clinic
