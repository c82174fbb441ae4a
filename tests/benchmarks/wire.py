"""What no HTTP client would send: broken requests, and connections that are held open. Figures for soak.py."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import requests

from tests.benchmarks.figures import Figure
from tests.benchmarks.probe import probing, slowest
from tests.benchmarks.server import held_open, opened, served

IDLE, HALF, ALL = 200, 16, 40  # silent connections, requests without an end, and more of them than threads
HOLD = 10.0  # seconds

HEAD = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n"
BROKEN = {
    "nothing": b"",
    "no HTTP": bytes(range(256)) * 8,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "half a request line": b"POST /pre",
    "half a head": HEAD,
    "half a body": HEAD + b"Content-Length: 1000\r\n\r\n" + b'{"tasks": [',
    "chunk without a size": CHUNKED + b"\r\nZZ\r\n{}\r\n0\r\n\r\n",
    "chunk with a negative size": CHUNKED + b"\r\n-5\r\n{}\r\n0\r\n\r\n",
    "chunk with a huge size": CHUNKED + b"\r\nFFFFFFFFFFFFFFFFFF\r\n{}\r\n",
    "chunk that is cut short": CHUNKED + b"\r\n400\r\n{}",
    "chunks and a length": CHUNKED + b"Content-Length: 5\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}",
    "negative length": HEAD + b"Content-Length: -2\r\n\r\n{}",
    "length that is no number": HEAD + b"Content-Length: 1e3\r\n\r\n{}",
    "unknown coding": HEAD + b"Transfer-Encoding: gzip, chunked, hm\r\n\r\n0\r\n\r\n",
    "head of 2 MB": HEAD + b"X-Long: " + b"x" * 2_000_000 + b"\r\n\r\n",
    "ten thousand headers": HEAD + b"".join(b"X-%d: 1\r\n" % number for number in range(10_000)) + b"\r\n",
    "path of 100 KB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "path with broken escapes": b"GET /%zz/%00/%ff HTTP/1.1\r\nHost: a\r\n\r\n",
    "header without a colon": b"GET /health HTTP/1.1\r\nHost a\r\n\r\n",
    "header with zeros": b"GET /health HTTP/1.1\r\nHost: a\r\nX-Zero: \x00\x00\r\n\r\n",
    "folded header": b"GET /health HTTP/1.1\r\nHost: a\r\nX-Fold: a\r\n b\r\n\r\n",
    "no such version": b"GET /health HTTP/9.9\r\nHost: a\r\n\r\n",
    "no such method": b"BREW /health HTTP/1.1\r\nHost: a\r\n\r\n",
    "method with signs": b"G@T /health HTTP/1.1\r\nHost: a\r\n\r\n",
    "two requests in one": b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 2,
}
UNENDING = ("half a request line", "half a head", "half a body", "chunk that is cut short")


def figures(folder: Path) -> Iterator[Figure]:
    """Send broken requests one by one; then hold connections open and ask for the server's health."""
    with served(folder) as (url, _):
        answers = {name: answered(url, sent) for name, sent in BROKEN.items()}
        wrong = [answer for answer in answers.values() if answer == "no end" or (answer[:1] == "5" and answer != "501")]
        print(f"Answers to broken HTTP: {answers}", flush=True)
        what = f"broken HTTP requests that were not refused or ended, of {len(BROKEN)}"
        yield Figure(what, len(wrong), "", 0)
        with held_open(url, [b""] * IDLE):
            yield _health(f"beside {IDLE} connections that say nothing", url)
        with held_open(url, [BROKEN[UNENDING[each % len(UNENDING)]] for each in range(HALF)]):
            yield _health(f"beside {HALF} requests that never end", url)
        with held_open(url, [BROKEN[UNENDING[each % len(UNENDING)]] for each in range(ALL)]):
            started = time.monotonic()
            requests.get(f"{url}/health", timeout=100).raise_for_status()
            what = f"/health beside {ALL} of them, which are more than there are threads"
            yield Figure(what, time.monotonic() - started, "s", 25)


def answered(url: str, sent: bytes) -> str:
    """The status that a request of these bytes gets, "closed" where there is none, "no end" after `SLOWEST`."""
    with opened(url) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            head = connection.recv(12)
            while connection.recv(65_536):
                pass
        except TimeoutError:
            return "no end"
        except OSError:  # the server closed it before everything was sent
            return "closed"
    return head[9:].decode("ascii", "replace") if head.startswith(b"HTTP/") else "closed"


def _health(what: str, url: str) -> Figure:
    with probing(url) as spent:
        time.sleep(HOLD)
    return slowest(what, spent, 50)
