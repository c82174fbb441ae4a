"""The address of a picture, as it stands in a task -> its pixels as the browser shows them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, unquote, unquote_to_bytes, urlsplit

import numpy as np
from PIL import Image as Picture
from PIL import ImageOps

from backend.pictures.fetch import Web, origin
from backend.pictures.picture_cache import PictureCache, PictureFile
from model.errors import BadImage
from model.values import Image

CLOUD_SCHEMES = ("s3", "gs", "azure-blob", "azure_blob")
LOCAL_FILES = "/data/local-files/"
MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Where pictures may come from, and how large they may be.

    `hostname` is Label Studio's address (with its sub-path, if any), which alone gets the `api_key`; `local_files_root`
    is the folder that Label Studio serves as local files, empty to ask Label Studio for them; `max_bytes` counts the
    file, `max_pixels` the picture; `timeout_s` is in seconds; `cache_bytes` bounds the decoded pictures that are kept.
    """

    hostname: str = ""
    api_key: str = field(default="", repr=False)
    local_files_root: str = ""
    max_bytes: int = 64 * MEGA
    max_pixels: int = 100 * MEGA
    timeout_s: float = 10.0
    cache_bytes: int = 256 * MEGA


class Images:
    """Loads pictures, and keeps the latest of them decoded; threads may share it."""

    def __init__(self, source: ImageSource) -> None:
        self.source = source
        self.web = Web(_with_scheme(source.hostname), source.api_key, source.max_bytes, source.timeout_s)
        self.cache = PictureCache(source.cache_bytes, partial(decode, max_pixels=source.max_pixels))

    def load(self, url: str, *, task_id: int | None = None, hostname: str | None = None) -> Image:
        """The picture (H, W, 3) behind the address, turned as its EXIF data say, on white where it is transparent.

        `hostname` is the server's own word for its address, used where none is configured; `task_id` is needed for
        pictures in cloud storage. The array is read-only, as others may look at it too: a picture is fetched and
        decoded once for all who ask. Raises BadImage with a message for the annotator or the operator.
        """
        return self.cache.get(self._file(url.strip(), task_id, hostname or ""))

    def _file(self, url: str, task_id: int | None, hostname: str) -> PictureFile:
        scheme = _scheme(url)
        server = _with_scheme(self.source.hostname or hostname)
        if scheme == "data":
            address = hashlib.blake2b(url.encode(errors="replace"), digest_size=16).hexdigest()
            return PictureFile(f"data:{address}", "itself", partial(_data_uri, url, self.source.max_bytes))
        if scheme in CLOUD_SCHEMES:
            return self._on_web(_on_server(server, _presign_path(url, task_id)))
        if scheme in ("http", "https"):
            known = [_with_scheme(name) for name in (self.source.hostname, hostname) if name]
            if origin(url) not in [origin(name) for name in known]:
                return self._on_web(url)
            url = _path_and_query(url)
        path = _local_path(url, self.source.local_files_root)
        return self._on_web(_on_server(server, url)) if path is None else self._on_disk(path)

    def _on_web(self, url: str) -> PictureFile:
        return PictureFile(url, None, partial(self.web.get, url))

    def _on_disk(self, path: Path) -> PictureFile:
        """A file below the root; links are followed before that is checked."""
        file = path.resolve()
        if not file.is_relative_to(Path(self.source.local_files_root).resolve()):
            raise BadImage(f"image: {path.name} lies outside ANYWORD_LOCAL_FILES_ROOT")
        if not file.is_file():
            raise BadImage(f"image: there is no file {path.name} in ANYWORD_LOCAL_FILES_ROOT")
        state = file.stat()
        if state.st_size > self.source.max_bytes:
            raise BadImage(f"image: {path.name} is larger than {self.source.max_bytes / MEGA:g} MB")
        return PictureFile(f"file:{file}", (state.st_mtime_ns, state.st_size, state.st_ino), partial(_bytes_of, file))


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadImage(f"image: {file.name} cannot be read ({error.strerror})") from error


def decode(data: bytes, max_pixels: int) -> Image:
    """The picture (H, W, 3) RGB in a file's bytes: upright, 8 bits, on white where it is transparent.

    Raises BadImage for more pixels than `max_pixels`, before any of them is decoded, and for what is no picture.
    """
    try:
        picture = Picture.open(io.BytesIO(data))
    except (Picture.DecompressionBombError, Picture.DecompressionBombWarning) as error:
        raise BadImage(f"image: more than {max_pixels / MEGA:g} megapixels") from error
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        raise BadImage("image: the file is damaged or no picture") from error
    if picture.width * picture.height > max_pixels:
        raise BadImage(
            f"image: {picture.width} x {picture.height} pixels are more than {max_pixels / MEGA:g} megapixels"
        )
    try:
        ImageOps.exif_transpose(picture, in_place=True)
        return np.array(_as_rgb(picture))
    except Exception as error:
        raise BadImage("image: the file is damaged") from error


def _as_rgb(picture: Picture.Image) -> Picture.Image:
    if picture.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
        picture = Picture.fromarray((np.clip(np.asarray(picture), 0, 65535) >> 8).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    ground = Picture.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture.convert("RGBA"))
    return ground.convert("RGB")


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
        raise BadImage("image: the address is neither a link nor a path on Label Studio")
    if not server:
        raise BadImage("image: the address is relative, set ANYWORD_LABEL_STUDIO_URL")
    prefix = urlsplit(server).path.rstrip("/")
    root = server.rstrip("/").removesuffix(prefix) if prefix else server.rstrip("/")
    return root + path if prefix and path.startswith(f"{prefix}/") else root + prefix + path


def _presign_path(uri: str, task_id: int | None) -> str:
    if not isinstance(task_id, int):
        raise BadImage("image: a picture in cloud storage needs a task with an id")
    return f"/tasks/{task_id}/presign/?fileuri={base64.urlsafe_b64encode(uri.encode()).decode()}"


def _local_path(url: str, root: str) -> Path | None:
    """The file that an address means, if a root is configured and it names one; it may still lie outside the root."""
    if not root or "\0" in unquote(url):
        return None
    path, _, query = url.partition("?")
    if path.endswith(LOCAL_FILES):
        return Path(root, parse_qs(query).get("d", [""])[0])
    if _scheme(url) == "file":
        return Path(root, unquote(url.partition("://")[2]))
    named = Path(root, url)
    return named if not url.startswith("/") or named.is_relative_to(root) else None


def _data_uri(uri: str, max_bytes: int) -> bytes:
    head, comma, body = uri.partition(",")
    if not comma or not head.lower().startswith(("data:image/", "data:application/octet-stream")):
        raise BadImage("image: the data URI holds no picture")
    if len(body) * 3 // 4 > max_bytes:
        raise BadImage(f"image: the data URI is larger than {max_bytes / MEGA:g} MB")
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        return base64.b64decode(unquote(body))
    except binascii.Error as error:
        raise BadImage("image: the data URI is damaged") from error
