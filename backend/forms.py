"""What the text of a setting has to look like, for those that are found wrong only long after the start."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from model.errors import Misconfigured

UNFIT = re.compile(r"""[\s"'<>\\\x00-\x1f\x7f]""")  # in an address
PASSWORD = re.compile(r"//[^/]*@")


def text(_name: str, _text: str) -> None:
    """Accept any text."""


def address(name: str, text: str) -> None:
    """Accept the address of a web server, with or without a path. Raises Misconfigured."""
    if not _is_address(text):
        shown = PASSWORD.sub("//...@", text)
        raise Misconfigured(f"{name} is {shown!r}, but has to be an address such as http://label-studio.local:8080")


def folder(name: str, text: str) -> None:
    """Accept a folder of this machine that can be read. Raises Misconfigured."""
    try:
        with os.scandir(text):
            pass
    except (FileNotFoundError, NotADirectoryError):
        raise Misconfigured(f"{name} is {text!r}, but there is no such folder") from None
    except OSError as error:
        raise Misconfigured(f"{name} is {text!r}, but that folder cannot be read: {error.strerror}") from None


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or half an IPv6 address
        return False
    return named and not (parts.query or parts.fragment or parts.path.startswith("//") or UNFIT.search(text))
