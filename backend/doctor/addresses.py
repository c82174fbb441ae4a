"""What is wrong with the address of a backend, before anybody asks it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

GUARDED_SINCE = (1, 23, 1)  # the first Label Studio that refuses private addresses
BANNED = (
    "Start Label Studio with USE_DEFAULT_BANNED_SUBNETS=false, or with both ML_BLOCK_LOCAL_IP=false and "
    "SSRF_PROTECTION_ENABLED=false; one of the two alone is not enough."
)
DOTLESS = "Give the container a network alias with a dot, such as anyword.local, and connect the model by that name."
NO_IPV6 = "Connect the model by a name or an IPv4 address: Label Studio never reaches a numeric IPv6 address."


def is_ipv6(url: str) -> bool:
    """Whether the address is a numeric IPv6 one."""
    return ":" in _host(url)


def is_dotless(url: str) -> bool:
    """Whether the host is a name that Label Studio takes for a model, but for no webhook."""
    host = _host(url)
    return bool(host) and not is_ipv6(url) and "." not in host and host != "localhost"


def is_private(url: str) -> bool:
    """Whether the address says by itself that it is not on the internet."""
    host = _host(url)
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:  # a name
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))


def is_guarded(version: str) -> bool:
    """Whether this version of Label Studio refuses private addresses unless it is told otherwise."""
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    return tuple(numbers) >= GUARDED_SINCE


def webhook_address(url: str) -> str:
    """Where a backend takes events: the address that Label Studio makes when the model is connected."""
    return f"{url.rstrip('/')}/webhook"


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").rstrip(".")
