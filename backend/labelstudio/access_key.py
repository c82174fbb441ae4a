"""Label Studio's key, as its API wants it: a legacy token as it is, a personal access token exchanged."""

from __future__ import annotations

import threading
import time

import requests

from backend import certificates
from backend.pictures.network.urls import shown
from model.errors import BadImage

ACCESS_SECONDS = 240.0  # an access token lives for 300


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
                url, json={"refresh": self.key}, timeout=self.timeout_s, allow_redirects=False, auth=without_key
            )
            access = answer.json().get("access") if answer.ok else None
        except (requests.RequestException, ValueError, AttributeError) as error:
            said = f"image: the access token cannot be renewed at {shown(url)} ({certificates.named(error)})"
            raise BadImage(said) from error
        if not isinstance(access, str):
            raise BadImage(
                f"image: {answer.status_code} from {shown(url)}, check the personal access token in "
                "ANYWORD_LABEL_STUDIO_API_KEY"
            )
        return access


def without_key(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No key; without this, requests would look one up in the user's .netrc."""
    return request
