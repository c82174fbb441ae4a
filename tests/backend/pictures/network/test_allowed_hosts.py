"""Which addresses are open to pictures: what they are for, and what the operator lists."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from backend.pictures.network.allowed_hosts import kind_of, look_up, reach_of
from model.errors import Misconfigured

KINDS = {
    "public": "8.8.8.8 2606:4700::1111 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1",
    "private": "127.0.0.1 127.255.0.1 10.0.0.5 172.31.0.1 192.168.1.1 100.64.0.1 198.18.0.1 ::1 fd12::1 fec0::1 "
    "::ffff:127.0.0.1 ::ffff:10.0.0.5 64:ff9b::a00:5 2002:a00:5::",
    "special": "169.254.169.254 169.254.170.2 0.0.0.0 0.1.2.3 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 :: "
    "fe80::1 ff02::1 100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::254 fd20:ce::254 ::ffff:169.254.169.254 "
    "64:ff9b::a9fe:a9fe 2002:a9fe:a9fe:: ::169.254.169.254 64:ff9b:1::1 4000::1",
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in KINDS.items() for text in texts.split()])
def test_an_address_is_taken_for_what_it_is(kind: str, text: str) -> None:
    assert kind_of(ip_address(text)) == kind


def refused(listed: str, host: str, *addresses: str, trusted: bool = False) -> str:
    """By the first words of the reason."""
    found = reach_of(listed).refusal(host, [ip_address(address) for address in addresses], trusted)
    return found.partition(" address;")[0].partition(" in ANYWORD")[0]


@pytest.mark.parametrize(
    ("listed", "host", "addresses", "reason"),
    [
        ("public", "a.org", "8.8.8.8", ""),
        ("public", "a.org", "10.0.0.5", "a private"),
        ("public", "a.org", "8.8.8.8 10.0.0.5", "a private"),
        ("public", "a.org", "8.8.8.8 169.254.169.254", "a link-local, reserved or metadata"),
        ("public", "a.org", "", ""),
        ("private", "a.org", "10.0.0.5", ""),
        ("private", "a.org", "169.254.169.254", "a link-local, reserved or metadata"),
        ("private", "a.org", "8.8.8.8", "no host"),
        ("a.org", "a.org", "10.0.0.5", ""),
        ("a.org", "A.org.", "8.8.8.8", ""),
        ("a.org", "a.org", "169.254.169.254", "a link-local, reserved or metadata"),
        ("a.org", "b.a.org", "8.8.8.8", "no host"),
        ("a.org", "b.org", "", "no host"),
        ("*.a.org", "b.a.org", "10.0.0.5", ""),
        ("*.a.org", "a.org", "10.0.0.5", "a private"),
        ("*.a.org", "evil-a.org", "10.0.0.5", "a private"),
        ("10.0.0.0/8", "a.org", "10.0.0.5", ""),
        ("10.0.0.0/8", "a.org", "::ffff:10.0.0.5", ""),
        ("10.0.0.0/8", "a.org", "10.0.0.5 11.0.0.5", "no host"),
        ("10.0.0.5", "10.0.0.5", "10.0.0.5", ""),
        ("public, 169.254.0.0/16", "a.org", "169.254.169.254", ""),
        (" PUBLIC , ::1 ,", "a.org", "::1 8.8.8.8", ""),
        ("[::1]", "::1", "::1", ""),
    ],
)
def test_what_is_listed_is_open(listed: str, host: str, addresses: str, reason: str) -> None:
    assert refused(listed, host, *addresses.split()) == reason


@pytest.mark.parametrize(
    ("address", "reason"),
    [("8.8.8.8", ""), ("10.0.0.5", ""), ("::1", ""), ("169.254.1.1", "a link-local, reserved or metadata")],
)
def test_label_studio_may_be_private_but_no_more(address: str, reason: str) -> None:
    assert refused("a.org", "studio", address, trusted=True) == reason


def test_a_refusal_says_what_to_list() -> None:
    said = reach_of("public").refusal("10.0.0.5", [ip_address("10.0.0.5")], trusted=False)
    assert said == "a private address; add 10.0.0.5 to ANYWORD_IMAGE_HOSTS to allow it"


@pytest.mark.parametrize(
    "wrong", ["http://minio:9000", "minio:9000", "10.0.0.5/8", "a b", "*", "*.*.org", "-> x", "a..b", "10.0.0.0/33"]
)
def test_an_entry_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(Misconfigured, match="ANYWORD_IMAGE_HOSTS has"):
        reach_of(f"public, {wrong}")


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "::1", "fe80::1%1"])
def test_a_number_is_read_without_asking_dns(host: str) -> None:
    assert str(look_up(host, True)[0]) in ("127.0.0.1", "::1", "fe80::1")


@pytest.mark.parametrize("host", ["localhost", "a.example"])
def test_a_name_is_no_number(host: str) -> None:
    with pytest.raises(OSError, match=r"not known|family"):
        look_up(host, True)
