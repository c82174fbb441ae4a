import pytest

from backend.doctor.addresses import is_dotless, is_guarded, is_ipv6, is_private, webhook_address


@pytest.mark.parametrize(
    ("url", "private", "dotless", "ipv6"),
    [
        ("http://localhost:9090", True, False, False),
        ("http://127.0.0.1:9090", True, False, False),
        ("http://user:word@192.168.3.4:9090/sub", True, False, False),
        ("http://anyword:9090", True, True, False),
        ("http://anyword.local:9090", True, False, False),
        ("http://host.docker.internal:9090", True, False, False),
        ("http://[::1]:9090", True, False, True),
        ("http://[2606:4700::1111]:9090", False, False, True),
        ("https://models.example.org", False, False, False),
        ("http://8.8.8.8:9090", False, False, False),
    ],
)
def test_what_an_address_says_of_itself(url: str, private: bool, dotless: bool, ipv6: bool) -> None:
    assert (is_private(url), is_dotless(url), is_ipv6(url)) == (private, dotless, ipv6)


@pytest.mark.parametrize(
    ("version", "guarded"),
    [("1.23.0", False), ("1.23.1", True), ("1.23.2.dev0", True), ("1.9.2", False), ("2.0", True)],
)
def test_private_addresses_are_refused_from_a_version_on(version: str, guarded: bool) -> None:
    assert is_guarded(version) is guarded


def test_a_slash_at_the_end_is_not_doubled() -> None:
    assert webhook_address("http://a.b/c/") == "http://a.b/c/webhook"
