"""The address of a picture, as it stands in a task -> its pixels as the browser shows them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field, replace
from functools import partial
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from backend.pictures.buckets import Buckets, Location
from backend.pictures.decoding import Picture, decode
from backend.pictures.local_files import MissingFile, find_local_file, is_served
from backend.pictures.network.allowed_hosts import Reach
from backend.pictures.network.fetch import Web
from backend.pictures.network.urls import origin
from backend.pictures.picture_cache import PictureCache, PictureFile
from model.errors import BadImage
from model.types import Image

CLOUD_SCHEMES = ("s3", "gs", "azure-blob", "azure_blob")
NEITHER = "image: the address is neither a link nor a path on Label Studio"
MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Where pictures may come from, and how large they may be.

    `hostname` is Label Studio's address (with its sub-path, if any), which alone gets the `api_key`; `local_files_root`
    is the folder that Label Studio serves as local files, empty to ask Label Studio for them; `max_bytes` counts the
    file, `max_pixels` the picture; `timeout_s` is in seconds; `cache_bytes` bounds the decoded pictures that are kept;
    `reach` says which hosts are open besides Label Studio's, `buckets` which places in cloud storage are read directly.
    """

    hostname: str = ""
    api_key: str = field(default="", repr=False)
    local_files_root: str = ""
    max_bytes: int = 64 * MEGA
    max_pixels: int = 100 * MEGA
    timeout_s: float = 10.0
    cache_bytes: int = 256 * MEGA
    reach: Reach = field(default_factory=Reach)
    buckets: tuple[Location, ...] = ()


class Images:
    """Loads pictures, and keeps the latest of them decoded; threads may share it."""

    def __init__(self, source: ImageSource) -> None:
        self.source = source
        hostname = _with_scheme(source.hostname)
        self.web = Web(hostname, source.api_key, source.reach, source.max_bytes, source.timeout_s)
        self.buckets = Buckets(source.buckets, source.max_bytes, source.timeout_s)
        self.cache = PictureCache(source.cache_bytes, partial(decode, max_pixels=source.max_pixels))

    def load(self, url: str, *, task_id: int | None = None, hostname: str | None = None) -> Image:
        """The picture (H, W, 3) behind the address, turned as its EXIF data say, on white where it is transparent.

        `hostname` is the server's own word for its address, used where none is configured; `task_id` is needed for
        pictures in cloud storage. The array is read-only, as others may look at it too: a picture is fetched and
        decoded once for all who ask. Raises BadImage with a message for the annotator or the operator.
        """
        return self.picture(url, task_id=task_id, hostname=hostname).pixels

    def picture(
        self, url: str, *, task_id: int | None = None, hostname: str | None = None, size: tuple[int, int] | None = None
    ) -> Picture:
        """The picture behind the address as `load` gives it, with what to tell an annotator.

        `size`: the (H, W) that the asker sees. Where the kept picture has another, its file was replaced and is read
        again.
        """
        return self.cache.get(self._file(url.strip(), task_id, hostname or ""), size)

    def _file(self, url: str, task_id: int | None, hostname: str) -> PictureFile:
        scheme = _scheme(url)
        server = _with_scheme(self.source.hostname or hostname)
        if scheme == "data":
            return _inline(url, self.source.max_bytes)
        if self.buckets.hold(url):
            return PictureFile(url, None, partial(self.buckets.get, url))
        if scheme in CLOUD_SCHEMES:
            return self._on_web(_on_server(server, _presign_path(url, task_id)), server)
        if scheme in ("http", "https"):
            known = [_with_scheme(name) for name in (self.source.hostname, hostname) if name]
            if origin(url) not in [origin(name) for name in known]:
                return self._on_web(url, server)
            url = _path_and_query(url)
        elif scheme not in ("", "file"):
            raise BadImage(NEITHER)
        return self._on_studio(url, server)

    def _on_studio(self, url: str, server: str) -> PictureFile:
        try:
            local = find_local_file(url, self.source.local_files_root, self.source.max_bytes)
        except MissingFile as missing:
            if not (server and is_served(url)):
                raise
            return self._asked_for(url, server, missing)
        return local or self._on_web(_on_server(server, url), server)

    def _asked_for(self, url: str, server: str, missing: MissingFile) -> PictureFile:
        """A file that is missing below the root may lie where Label Studio looks: it is asked."""
        file = self._on_web(_on_server(server, url), server)

        def read() -> bytes:
            try:
                return file.read()
            except BadImage as error:
                said = str(error).removeprefix("image: ")
                raise BadImage(f"{missing}, and Label Studio does not give it: {said}") from error

        return replace(file, read=read)

    def _on_web(self, url: str, server: str) -> PictureFile:
        return PictureFile(url, None, partial(self.web.get, url, announced=server))


# Addresses


def _scheme(url: str) -> str:
    """In lower case; empty for a path, of which Python could otherwise take the part before a colon for a scheme."""
    head = url.partition(":")[0].lower()
    return head if url.startswith(("data:", "DATA:")) or f"{head}://" == url[: len(head) + 3].lower() else ""


def _with_scheme(hostname: str) -> str:
    return hostname if not hostname or "://" in hostname else f"http://{hostname}"


def _path_and_query(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _on_server(server: str, path: str) -> str:
    """The address of a path on Label Studio, which may already begin with the sub-path of its deployment."""
    if not path.startswith("/"):
        raise BadImage(NEITHER)
    if not server:
        raise BadImage("image: the address is relative, set ANYWORD_LABEL_STUDIO_URL")
    prefix = urlsplit(server).path.rstrip("/")
    root = server.rstrip("/").removesuffix(prefix) if prefix else server.rstrip("/")
    return root + path if prefix and path.startswith(f"{prefix}/") else root + prefix + path


def _presign_path(uri: str, task_id: int | None) -> str:
    if not isinstance(task_id, int):
        raise BadImage("image: a picture in cloud storage needs a task with an id")
    return f"/tasks/{task_id}/presign/?fileuri={base64.urlsafe_b64encode(uri.encode(errors='replace')).decode()}"


def _inline(uri: str, max_bytes: int) -> PictureFile:
    address = hashlib.blake2b(uri.encode(errors="replace"), digest_size=16).hexdigest()
    return PictureFile(f"data:{address}", "itself", partial(_data_uri, uri, max_bytes))


def _data_uri(uri: str, max_bytes: int) -> bytes:
    head, comma, body = uri.partition(",")
    if not comma:
        raise BadImage("image: the data URI holds no picture")
    if len(body) * 3 // 4 > max_bytes:
        raise BadImage(f"image: the data URI is larger than {max_bytes / MEGA:g} MB")
    try:
        return base64.b64decode(unquote(body)) if head.lower().endswith(";base64") else unquote_to_bytes(body)
    except ValueError as error:
        raise BadImage("image: the data URI is damaged") from error
