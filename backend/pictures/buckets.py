"""Pictures in cloud storage that the operator has opened, read with the server's own credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote

from backend import certificates
from model.errors import BadImage, Misconfigured

PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "azure-blob": "adlfs"}  # by the schemes that Label Studio writes
GOOGLE_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
MEGA = 1_000_000

Location = tuple[str, ...]  # scheme, bucket (Azure: container), and the key by its slashes


@dataclass(frozen=True, slots=True)
class Buckets:
    """The places that are open, and the limits of a file in bytes and seconds; threads may share it."""

    open: tuple[Location, ...] = ()
    max_bytes: int = 64 * MEGA
    timeout_s: float = 10.0
    _storages: dict[str, Any] = field(default_factory=dict)

    def hold(self, uri: str) -> bool:
        """Whether an address lies in a place that is open; who makes tasks chooses the address."""
        found = location(uri)
        return len(found) > 2 and any(found[: len(place)] == place for place in self.open)

    def get(self, uri: str) -> bytes:
        """The file. No more than `max_bytes` and one are asked for. Raises BadImage where it cannot be had."""
        scheme, *path = location(uri)
        try:
            body = self._read(scheme, "/".join(path))
        except FileNotFoundError as error:
            raise BadImage(f"image: there is no {uri}") from error
        except TimeoutError as error:
            raise BadImage(f"image: no answer about {uri} within {self.timeout_s:g} s") from error
        except Exception as error:  # each cloud's library has errors of its own
            said = f"image: {uri} cannot be read with the server's own cloud credentials ({certificates.named(error)})"
            raise BadImage(said) from error
        if len(body) > self.max_bytes:
            raise BadImage(f"image: {uri} is larger than {self.max_bytes / MEGA:g} MB")
        return body

    def _read(self, scheme: str, path: str) -> bytes:
        from fsspec.asyn import sync

        storage = self._storages.get(scheme) or self._storages.setdefault(scheme, _storage(scheme))
        read = storage._cat_file  # the asynchronous form: only this one can be given up in time
        return bytes(sync(storage.loop, read, path, start=0, end=self.max_bytes + 1, timeout=self.timeout_s))


def listed(text: str) -> tuple[Location, ...]:
    """Read a list with commas. Raises Misconfigured for what is no place, and where a package is missing."""
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    places = tuple(location(entry.rstrip("/")) for entry in entries)
    for entry, place in zip(entries, places, strict=True):
        if len(place) < 2:
            raise Misconfigured(
                f"ANYWORD_BUCKETS has {entry!r}, but takes s3://bucket/folder, gs://bucket and azure-blob://container"
            )
        if find_spec(PACKAGES[place[0]]) is None:
            raise Misconfigured(
                f"ANYWORD_BUCKETS has {entry}, which needs {PACKAGES[place[0]]}: "
                "python -m pip install -r requirements-clouds.txt"
            )
    return places


def location(uri: str) -> Location:
    """Where an address leads; empty for one that is not plain: two programs could read it as two places."""
    scheme, _, path = uri.partition("://")
    scheme, segments = scheme.lower().replace("_", "-"), path.split("/")
    return (scheme, *segments) if scheme in PACKAGES and all(map(_plain, segments)) else ()


def _plain(segment: str) -> bool:
    read = unquote(segment)
    return bool(segment) and read not in (".", "..") and read.isprintable() and not set(read) & set("/\\?#")


def _storage(scheme: str) -> Any:
    """A cloud's files, opened by the variables and files that its own tools read. Nothing is kept about folders."""
    if scheme == "s3":
        from s3fs import S3FileSystem

        return S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
    if scheme == "gs":
        import google.auth
        from gcsfs.core import GCSFileSystem  # the package's own also asks about folders, by another protocol

        credentials, _ = google.auth.default(scopes=[GOOGLE_SCOPE])  # gcsfs by itself would write them to the disk
        return GCSFileSystem(token=credentials, skip_instance_cache=True, use_listings_cache=False)
    from adlfs import AzureBlobFileSystem

    return AzureBlobFileSystem(skip_instance_cache=True, use_listings_cache=False)
