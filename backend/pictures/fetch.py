"""HTTP downloads within limits: time, bytes, redirects, and a key that only Label Studio's own origin gets to see."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as Urllib3Timeout

from model.errors import BadImage

CHUNK = 1 << 16
MAX_REDIRECTS = 5
ACCESS_SECONDS = 240.0  # an access token lives for 300
DEFAULT_PORTS = {"http": 80, "https": 443}
CONTENT_TYPES = ("image/", "application/octet-stream", "binary/octet-stream")
LOGIN_PATH = "/user/login/"

Authorize = Callable[[requests.PreparedRequest], requests.PreparedRequest]


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port. Raises BadImage for an address that cannot be read."""
    parts = _split(url)
    return parts.scheme.lower(), (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS.get(parts.scheme.lower())


def shown(url: str) -> str:
    """The address without what may be secret in it: user, password, and the query with its signatures."""
    parts = _split(url)
    host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    return f"{parts.scheme}://{host}{parts.path}"[:200]


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (read here, because reading it is what checks it)
    except ValueError as error:
        raise BadImage("image: the address cannot be read") from error
    return parts


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise BadImage(f"image: {shown(url)} leads to an address that cannot be read") from error


class AccessKey:
    """Label Studio's key as an Authorization header.

    A legacy token goes as it is; a personal access token is a refresh JWT, exchanged for an access token that is kept
    for four minutes. Threads may share it.
    """

    def __init__(self, hostname: str, key: str, timeout_s: float) -> None:
        self.hostname, self.key, self.timeout_s = hostname, key, timeout_s
        self.renewable = key.count(".") == 2
        self._lock = threading.Lock()
        self._access, self._until = "", 0.0

    def header(self) -> str:
        """The header's value. Raises BadImage where Label Studio does not take the personal access token."""
        if not self.renewable:
            return f"Token {self.key}"
        with self._lock:
            if time.monotonic() >= self._until:
                self._access, self._until = self._refresh(), time.monotonic() + ACCESS_SECONDS
            return f"Bearer {self._access}"

    def expire(self, header: str) -> None:
        """Forget the access token behind this header, which the server has refused."""
        with self._lock:
            if header == f"Bearer {self._access}":
                self._until = 0.0

    def _refresh(self) -> str:
        url = f"{self.hostname.rstrip('/')}/api/token/refresh/"
        try:
            answer = requests.post(
                url, json={"refresh": self.key}, timeout=self.timeout_s, allow_redirects=False, auth=_without_key
            )
            access = answer.json().get("access") if answer.ok else None
        except (requests.RequestException, ValueError, AttributeError) as error:
            raise BadImage(f"image: the access token cannot be renewed at {shown(url)}") from error
        if not isinstance(access, str):
            raise BadImage(
                f"image: {answer.status_code} from {shown(url)}, check the personal access token in "
                "ANYWORD_LABEL_STUDIO_API_KEY"
            )
        return access


def _without_key(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No key; without this, requests would look one up in the user's .netrc."""
    return request


class Web:
    """Downloads pictures. `hostname` is the configured Label Studio, the only place that gets the key."""

    def __init__(self, hostname: str, api_key: str, max_bytes: int, timeout_s: float) -> None:
        self.hostname, self.max_bytes, self.timeout_s = hostname, max_bytes, timeout_s
        self.key = AccessKey(hostname, api_key, timeout_s) if hostname and api_key else None
        self.session = requests.Session()
        self.session.headers["Accept-Encoding"] = "identity"  # so that the cap counts what arrives
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=32))

    def get(self, url: str, kinds: tuple[str, ...] = CONTENT_TYPES) -> bytes:
        """The body behind an address, redirects followed; `kinds` are the beginnings of content types that are taken.

        Raises BadImage for anything but a body of such a kind and of legal size.
        """
        deadline = time.monotonic() + self.timeout_s
        own = self._is_own(url)
        try:
            response = self._answer(url, own)
            for _ in range(MAX_REDIRECTS):
                if not response.is_redirect:
                    break
                url = self._redirected(url, response)
                own = own and self._is_own(url)  # once elsewhere, the key stays out even on the way back
                response = self._answer(url, own)
            with response:
                self._check(response, url, own, kinds)
                return self._body(response, url, deadline)
        except (requests.RequestException, HTTPError) as error:
            raise BadImage(self._trouble(error, url)) from error

    def _is_own(self, url: str) -> bool:
        return bool(self.hostname) and origin(url) == origin(self.hostname)

    def _answer(self, url: str, own: bool) -> requests.Response:
        """Ask once; ask again with a new access token where the old one is refused."""
        key = self.key if own else None
        if key is None:
            return self._ask(url, None if _split(url).username else _without_key)
        header = key.header()
        response = self._ask(url, _with_key(header))
        if response.status_code != HTTPStatus.UNAUTHORIZED or not key.renewable:
            return response
        response.close()
        key.expire(header)
        return self._ask(url, _with_key(key.header()))

    def _ask(self, url: str, auth: Authorize | None) -> requests.Response:
        """One request, its body not read yet; `Session.send` would read the whole body of a redirect."""
        prepared = self.session.prepare_request(requests.Request("GET", url, auth=auth))
        settings = self.session.merge_environment_settings(url, {}, True, None, None)
        return self.session.get_adapter(url).send(prepared, timeout=self.timeout_s, **settings)  # type: ignore[arg-type]

    def _redirected(self, url: str, response: requests.Response) -> str:
        response.close()
        target = _joined(url, response.headers["Location"])
        if _split(target).scheme.lower() not in DEFAULT_PORTS:
            raise BadImage(f"image: {shown(url)} leads to an address that is not http")
        if _split(target).path.endswith(LOGIN_PATH):
            raise BadImage(self._refusal(HTTPStatus.UNAUTHORIZED, url, self._is_own(url)))
        return target

    def _check(self, response: requests.Response, url: str, own: bool, kinds: tuple[str, ...]) -> None:
        if response.status_code != HTTPStatus.OK:
            raise BadImage(self._refusal(response.status_code, url, own))
        content_type = response.headers.get("Content-Type", "").lower()
        if content_type and not content_type.startswith(kinds):
            raise BadImage(f"image: {shown(url)} is no picture but {content_type.partition(';')[0][:60]}")
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > self.max_bytes:
            raise BadImage(self._too_large(url))

    def _body(self, response: requests.Response, url: str, deadline: float) -> bytes:
        """Read what arrives, as it arrives: headers may lie about the length, and a server may dawdle."""
        body = bytearray()
        while chunk := response.raw.read1(CHUNK, decode_content=False):
            body += chunk
            if len(body) > self.max_bytes:
                raise BadImage(self._too_large(url))
            if time.monotonic() > deadline:
                raise BadImage(f"image: {shown(url)} took longer than {self.timeout_s:g} s")
        return bytes(body)

    def _too_large(self, url: str) -> str:
        return f"image: {shown(url)} is larger than {self.max_bytes / 1e6:g} MB"

    def _trouble(self, error: Exception, url: str) -> str:
        if isinstance(error, requests.Timeout | Urllib3Timeout):
            return f"image: no answer from {shown(url)} within {self.timeout_s:g} s"
        return f"image: {shown(url)} cannot be reached ({type(error).__name__})"

    def _refusal(self, status: int, url: str, own: bool) -> str:
        """What the server said, and what to do about it where the key is in question."""
        said = f"image: {status:d} from {shown(url)}"
        if status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return said
        if not self.hostname:
            return f"{said}, set ANYWORD_LABEL_STUDIO_URL and ANYWORD_LABEL_STUDIO_API_KEY"
        if not own:
            return f"{said}, which gets no key because it is not ANYWORD_LABEL_STUDIO_URL"
        return f"{said}, {'check' if self.key else 'set'} ANYWORD_LABEL_STUDIO_API_KEY"


def _with_key(header: str) -> Authorize:
    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = header
        return request

    return authorize
