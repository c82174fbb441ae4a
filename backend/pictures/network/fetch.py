"""HTTP downloads within limits: hosts, time, bytes, redirects, and a key that Label Studio's own origin alone sees."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as Urllib3Timeout

from backend import certificates
from backend.labelstudio.access_key import AccessKey, without_key
from backend.pictures.network.allowed_hosts import Address, Reach
from backend.pictures.network.pinned import Pinned, cut_off, seconds_until
from backend.pictures.network.urls import joined, normal, origin, shown, split
from model.errors import BadImage

CHUNK = 1 << 16
MAX_REDIRECTS = 5
LOGIN_PATH = "/user/login/"

Authorize = Callable[[requests.PreparedRequest], requests.PreparedRequest]


@dataclass(frozen=True, slots=True)
class _Errand:
    """What holds for all hops of a download: whose host may be private, and when (by the clock) time is up."""

    studio: str
    until: float


class Web:
    """Downloads pictures. `hostname` is the configured Label Studio, the only place that gets the key."""

    def __init__(self, hostname: str, api_key: str, reach: Reach, max_bytes: int, timeout_s: float) -> None:
        self.hostname, self.reach, self.max_bytes, self.timeout_s = hostname, reach, max_bytes, timeout_s
        self.key = AccessKey(hostname, api_key, timeout_s) if hostname and api_key else None
        self.session = requests.Session()
        self.session.headers["Accept-Encoding"] = "identity"  # so that the cap counts what arrives
        self.pinned = Pinned(pool_maxsize=32)
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, self.pinned)

    def get(self, url: str, kinds: tuple[str, ...] = (), announced: str = "") -> bytes:
        """The body behind an address, redirects followed.

        `kinds` are the beginnings of content types that are taken. None are looked at by default: servers say
        `text/plain` of pictures, and browsers go by the file.

        `announced` is Label Studio's own word for its address, which may be private where none is configured. Raises
        BadImage for anything but a body of such a kind and of legal size, in time, from a host that is open to us.
        """
        errand = _Errand(self.hostname or announced, time.monotonic() + self.timeout_s)
        url = normal(url)
        own = self._is_own(url)
        try:
            response = self._answer(url, own, errand)
            for _ in range(MAX_REDIRECTS):
                if not response.is_redirect:
                    break
                url = self._redirected(url, response)
                own = own and self._is_own(url)  # once elsewhere, the key stays out even on the way back
                response = self._answer(url, own, errand)
            with response:
                self._check(response, url, own, kinds)
                if time.monotonic() > errand.until:
                    raise BadImage(self._late(url))
                return self._body(response, url, errand)
        except (requests.RequestException, HTTPError) as error:
            raise BadImage(self._trouble(error, url, errand)) from error

    def _is_own(self, url: str) -> bool:
        return bool(self.hostname) and origin(url) == origin(self.hostname)

    def _answer(self, url: str, own: bool, errand: _Errand) -> requests.Response:
        """Ask once; ask again with a new access token where the old one is refused."""
        key = self.key if own else None
        if key is None:
            return self._ask(url, None if split(url).username else without_key, errand)
        header = key.header()
        response = self._ask(url, _with_key(header), errand)
        if response.status_code != HTTPStatus.UNAUTHORIZED or not key.renewable:
            return response
        response.close()
        key.expire(header)
        return self._ask(url, _with_key(key.header()), errand)

    def _ask(self, url: str, auth: Authorize | None, errand: _Errand) -> requests.Response:
        """One request, its body not read yet; `Session.send` would read the whole body of a redirect."""
        prepared = self.session.prepare_request(requests.Request("GET", url, auth=auth))
        settings: dict[str, Any] = {**self.session.merge_environment_settings(url, {}, True, None, None)}
        proxied = select_proxy(url, settings["proxies"]) is not None
        addresses = self._addresses(url, proxied, errand.studio)
        if proxied:  # it looks the name up itself, so there is nothing to pin
            return self.pinned.send(prepared, timeout=seconds_until(errand.until), **settings)
        return self.pinned.send_to(addresses, prepared, errand.until, settings)

    def _addresses(self, url: str, proxied: bool, studio: str) -> tuple[Address, ...]:
        """The addresses of the host, all of them open to us."""
        host = split(url).hostname or ""
        addresses = self._found(url, host, proxied)
        trusted = bool(studio) and origin(url) == origin(studio)
        if where := self.reach.refusal(host, addresses, trusted):
            raise BadImage(f"image: {shown(url)} is at {where}")
        return addresses

    def _found(self, url: str, host: str, proxied: bool) -> tuple[Address, ...]:
        try:
            return tuple(self.reach.look_up(host, proxied))
        except (OSError, UnicodeError) as error:
            if proxied:
                return ()
            raise BadImage(f"image: {shown(url)} cannot be reached (no host of this name is known)") from error

    def _redirected(self, url: str, response: requests.Response) -> str:
        response.close()
        target = joined(url, response.headers["Location"])
        if split(target).path.endswith(LOGIN_PATH):
            raise BadImage(self._refusal(HTTPStatus.UNAUTHORIZED, url, self._is_own(url)))
        return target

    def _check(self, response: requests.Response, url: str, own: bool, kinds: tuple[str, ...]) -> None:
        if response.status_code != HTTPStatus.OK:
            raise BadImage(self._refusal(response.status_code, url, own))
        content_type = response.headers.get("Content-Type", "").lower()
        if kinds and content_type and not content_type.startswith(kinds):
            raise BadImage(f"image: {shown(url)} is no picture but {content_type.partition(';')[0][:60]}")
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding != "identity":
            raise BadImage(f"image: {shown(url)} comes packed ({encoding[:60]}), which was not asked for")
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > self.max_bytes:
            raise BadImage(self._too_large(url))

    def _body(self, response: requests.Response, url: str, errand: _Errand) -> bytes:
        """Read what arrives, as it arrives: headers may lie about the length, and a server may dawdle."""
        body = bytearray()
        with cut_off(seconds_until(errand.until), response.raw.shutdown):
            while chunk := response.raw.read1(CHUNK, decode_content=False):
                body += chunk
                if len(body) > self.max_bytes:
                    raise BadImage(self._too_large(url))
        if time.monotonic() > errand.until:
            raise BadImage(f"image: {shown(url)} took longer than {self.timeout_s:g} s")
        return bytes(body)

    def _late(self, url: str) -> str:
        return f"image: no answer from {shown(url)} within {self.timeout_s:g} s"

    def _too_large(self, url: str) -> str:
        return f"image: {shown(url)} is larger than {self.max_bytes / 1e6:g} MB"

    def _trouble(self, error: Exception, url: str, errand: _Errand) -> str:
        if isinstance(error, requests.Timeout | Urllib3Timeout) or time.monotonic() > errand.until:
            return self._late(url)
        if isinstance(error, HTTPError):  # of the body: what goes wrong before is told by requests
            return f"image: {shown(url)} broke off before its end"
        return f"image: {shown(url)} cannot be reached ({certificates.named(error)})"

    def _refusal(self, status: int, url: str, own: bool) -> str:
        """What the server said, and what to do about it where the key is in question."""
        said = f"image: {status:d} from {shown(url)}"
        if status == HTTPStatus.NOT_FOUND and (server := self._other_server(url)):
            return f"{said}: set ANYWORD_LABEL_STUDIO_URL to {server} if Label Studio is served below that path"
        if status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return said
        if not self.hostname:
            return f"{said}, set ANYWORD_LABEL_STUDIO_URL and ANYWORD_LABEL_STUDIO_API_KEY"
        if self._is_own(url) and not own:
            return f"{said}, which gets no key on the way back from another host"
        if not own:
            return f"{said}, which gets no key because it is not ANYWORD_LABEL_STUDIO_URL"
        return f"{said}, {'check' if self.key else 'set'} ANYWORD_LABEL_STUDIO_API_KEY"

    def _other_server(self, url: str) -> str:
        """Where a path says that Label Studio is, if not at the configured address: it ends before `/data/`."""
        configured = split(self.hostname).path.rstrip("/")
        path = split(url).path.removeprefix(f"{configured}/")
        before, found, _ = f"/{path.lstrip('/')}".partition("/data/")
        return shown(joined(url, before)) if self._is_own(url) and found and before else ""


def _with_key(header: str) -> Authorize:
    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = header
        return request

    return authorize
