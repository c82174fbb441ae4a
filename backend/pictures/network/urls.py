"""Addresses on the web, read one way by all who look at them: where two readings differ, a key goes astray."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

import requests

from model.errors import BadImage

DEFAULT_PORTS = {"http": 80, "https": 443}


def normal(url: str) -> str:
    """The address as it is sent: host in lower case, odd characters encoded. Raises BadImage where it cannot be."""
    try:
        prepared = requests.Request("GET", url).prepare()
    except (requests.RequestException, ValueError) as error:
        raise BadImage("image: the address cannot be read") from error
    return str(prepared.url)


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port. Raises BadImage for an address that cannot be read."""
    parts = split(normal(url))
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS.get(parts.scheme.lower())


def shown(url: str) -> str:
    """The address without what may be secret in it: user, password, and the query with its signatures."""
    parts = split(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"[:200]


def split(url: str) -> SplitResult:
    """The parts of an address. Raises BadImage where it has none."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (read here, because reading it is what checks it)
    except ValueError as error:
        raise BadImage("image: the address cannot be read") from error
    return parts


def joined(url: str, location: str) -> str:
    """Where a redirect leads. Raises BadImage for what is no address on the web."""
    try:
        target = urljoin(url, location)
    except ValueError as error:
        raise BadImage(f"image: {shown(url)} leads to an address that cannot be read") from error
    if split(target).scheme.lower() not in DEFAULT_PORTS:
        raise BadImage(f"image: {shown(url)} leads to an address that is not http")
    return normal(target)
