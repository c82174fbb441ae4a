from backend.server.threads import TURNS, wait_briefly


def test_threads_sleep_soon() -> None:
    environ = dict[str, str]()
    wait_briefly(environ)
    assert environ == {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": TURNS}


def test_the_operator_has_the_last_word() -> None:
    environ = {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "0"}
    wait_briefly(environ)
    assert environ == {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "0"}
