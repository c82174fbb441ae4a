"""Pictures on this machine, below the folder that Label Studio serves as local files."""

from __future__ import annotations

import os
import stat
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, unquote

from backend.pictures.picture_cache import PictureFile
from model.errors import BadImage

LOCAL_FILES = "/data/local-files/"
MEGA = 1_000_000
AS_IT_WAS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # not a link or a pipe that took its place meanwhile


class MissingFile(BadImage):
    """There is no such file below the root."""


def is_served(url: str) -> bool:
    """Whether Label Studio itself serves an address from its local files."""
    return url.partition("?")[0].endswith(LOCAL_FILES)


def find_local_file(url: str, root: str, most: int) -> PictureFile | None:
    """The file below a root that an address means, with at most `most` bytes; None where it means no local file.

    Windows writes paths with backslashes: the path is taken as it stands first, then with slashes. Raises MissingFile,
    and BadImage for a file outside the root or one that is too large.
    """
    name = local_name(url, root)
    if name is None:
        return None
    try:
        return local_file(Path(root, name), root, most)
    except MissingFile:
        if "\\" not in name:
            raise
        return local_file(Path(root, name.lstrip("\\").replace("\\", "/")), root, most)


def local_name(url: str, root: str) -> str | None:
    """The path of the file that an address means, if a root is configured and it names one; it may lie outside."""
    if not root or "\0" in unquote(url):
        return None
    path, _, query = url.partition("?")
    if path.endswith(LOCAL_FILES):
        return parse_qs(query).get("d", [""])[0]
    if url[:7].lower() == "file://":
        return unquote(url[7:])
    return url if not url.startswith("/") or Path(url).is_relative_to(root) else None


def local_file(path: Path, root: str, most: int) -> PictureFile:
    """A file below the root, links followed, with at most so many bytes; anything else raises BadImage."""
    name = "".join(letter if letter.isprintable() else "?" for letter in path.name)[:100]
    missing = MissingFile(f"image: there is no file {name} in ANYWORD_LOCAL_FILES_ROOT")
    try:
        file = Path(os.path.realpath(path))  # `Path.resolve` raises for a ring of links
        if not file.is_relative_to(os.path.realpath(root)):
            raise BadImage(f"image: {name} lies outside ANYWORD_LOCAL_FILES_ROOT")
        state = file.stat()
    except (OSError, ValueError) as error:
        raise missing from error
    if not stat.S_ISREG(state.st_mode):  # a pipe or a device would be read for ever
        raise missing
    if state.st_size > most:
        raise BadImage(_too_large(name, most))
    version = (state.st_mtime_ns, state.st_size, state.st_ino)
    return PictureFile(f"file:{file}", version, partial(_bytes_of, file, name, most))


def _bytes_of(file: Path, name: str, most: int) -> bytes:
    try:
        with os.fdopen(os.open(file, AS_IT_WAS), "rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise BadImage(f"image: {name} cannot be read ({error.strerror})") from error
    if len(data) > most:
        raise BadImage(_too_large(name, most))
    return data


def _too_large(name: str, most: int) -> str:
    return f"image: {name} is larger than {most / MEGA:g} MB"
