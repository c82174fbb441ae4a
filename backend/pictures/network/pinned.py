"""HTTP to an address that was checked, and to no other that DNS may tell by then; and an end to reading in time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection

from backend.pictures.network.allowed_hosts import Address


def seconds_until(until: float) -> float:
    """What is left until a time of the monotonic clock; never nothing at all, which would stand for no limit."""
    return max(until - time.monotonic(), 0.001)


@contextlib.contextmanager
def cut_off(seconds: float, shut: Callable[[], object]) -> Iterator[None]:
    """Shut what is read from when time is up: the time-out of a socket begins anew with every byte that drips in."""

    def shut_if_open() -> None:
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # reading has come to its end in the meantime
            shut()

    timer = threading.Timer(seconds, shut_if_open)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


class _Plain(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
        with cut_off(float(self.timeout or 0), lambda: self.sock.shutdown(socket.SHUT_RD)):
            return super().getresponse()


class _Secure(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as in urllib3 itself
        with cut_off(float(self.timeout or 0), lambda: self.sock.shutdown(socket.SHUT_RD)):
            return super().getresponse()


class Pinned(HTTPAdapter):
    """Sends requests to addresses in place of their hosts, whose names stay in the Host header and in TLS."""

    def send_to(
        self, addresses: Sequence[Address], request: requests.PreparedRequest, until: float, settings: Mapping[str, Any]
    ) -> requests.Response:
        """Ask the first of the addresses (at least one) that can be reached; the body is not read yet.

        Raises requests.RequestException where there is no answer `until` then, by the clock.
        """
        *others, last = addresses
        for at, address in enumerate(others):
            left = seconds_until(until)
            limits = (left / (len(addresses) - at), left)  # for the connection, and for the answer
            with contextlib.suppress(requests.ConnectionError):  # `localhost` is ::1 too, where nothing may listen
                return self.send(_at(address, request), timeout=limits, **settings)
        return self.send(_at(last, request), timeout=seconds_until(until), **settings)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> Any:
        """Let TLS ask for the certificate of the name, not of the number."""
        to, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if to["scheme"] == "https" and "Host" in request.headers:
            return to, {**tls, "server_hostname": urlsplit(f"//{request.headers['Host']}").hostname}
        return to, tls

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        """A pool whose connections keep to their time."""
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        pool.ConnectionCls = _Secure if pool.scheme == "https" else _Plain
        return pool


def _at(address: Address, request: requests.PreparedRequest) -> requests.PreparedRequest:
    parts = urlsplit(str(request.url))
    number = f"[{address}]" if address.version == 6 else str(address)
    sent = request.copy()
    sent.headers["Host"] = parts.netloc.rpartition("@")[2]
    sent.url = parts._replace(netloc=f"{number}:{parts.port}" if parts.port else number).geturl()
    return sent
