"""Which certificate authorities are trusted, said once for all libraries, and what is wrong with a certificate.

requests reads REQUESTS_CA_BUNDLE, httpx and aiohttp read SSL_CERT_FILE. An operator knows neither library.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

from model.errors import Misconfigured

BUNDLE, CURL = "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"  # requests reads the first, or else the second
FILE, FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"  # OpenSSL reads both, httpx the first, or else the second
VARIABLES = (BUNDLE, FILE, CURL, FOLDER)  # the first that is given counts for libraries whose own is not
EXPIRED, NOT_YET, OTHER_NAME, OTHER_ADDRESS = 10, 9, 62, 64  # OpenSSL's X509_V_ERR_...

WANTED = "it has to name a file with certificates in PEM form"

UNTRUSTED = "its certificate is not trusted"
TRUST = (
    "Set REQUESTS_CA_BUNDLE or SSL_CERT_FILE to a PEM file with the certificate of the authority that signed it. The "
    "file stands in place of the public authorities: put theirs in it, too, where public addresses are read."
)
OTHER = "its certificate is for another name"
NAME = "Use the name that the certificate was made for in the address, or have one made for this name."
OUT_OF_DATE = "its certificate is out of date"
RENEW = "Renew the certificate on that server, and see that this machine's clock is right."
NO_TLS = "it does not answer in TLS"
NOT_SPOKEN = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")  # OpenSSL's words for plain HTTP
PLAIN = "Where it is a plain HTTP server, begin its address with http://."
REMEDIES = ((UNTRUSTED, TRUST), (OTHER, NAME), (OUT_OF_DATE, RENEW), (NO_TLS, PLAIN))


def share(environ: Mapping[str, str] = os.environ, into: MutableMapping[str, str] = os.environ) -> None:
    """Have one variable of `environ` count for all libraries of this process and its children, which read `into`.

    Where REQUESTS_CA_BUNDLE and SSL_CERT_FILE are given, each library reads its own. Raises Misconfigured for a file or
    a folder that cannot be read: the libraries would tell it at the first download, and some of them not in words.
    """
    given = {name: environ[name] for name in VARIABLES if environ.get(name)}
    for name, value in given.items():
        _check(name, value)
    if Path(given.get(FILE, os.devnull)).is_dir():  # httpx would read it as a file
        into.pop(FILE, None)
        given[FOLDER] = given.pop(FILE)
    into.update(given)
    first = next(iter(given.values()), "").partition(os.pathsep)[0]  # a list of folders has one that requests can read
    if first and BUNDLE not in given:
        into[BUNDLE] = first
    if first and FILE not in given:
        into[FOLDER if Path(first).is_dir() else FILE] = first


def differ(environ: Mapping[str, str]) -> bool:
    """Whether some libraries are told to trust others than the rest."""
    one, other = environ.get(BUNDLE), environ.get(FILE)
    return bool(one and other) and Path(str(one)).resolve() != Path(str(other)).resolve()


def named(error: BaseException) -> str:
    """Why a request failed, in words where it is the certificate, else the name of the error."""
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"{_fault(each.verify_code)}: {each.verify_message.rstrip('.')}"
        if isinstance(each, ssl.SSLError) and each.reason in NOT_SPOKEN:
            return NO_TLS
    return type(error).__name__


def remedy(message: str) -> str:
    """What to do about a message with one of these faults in it; empty for any other."""
    return next((remedy for fault, remedy in REMEDIES if fault in message), "")


def _fault(code: int) -> str:
    if code in (OTHER_NAME, OTHER_ADDRESS):
        return OTHER
    return OUT_OF_DATE if code in (EXPIRED, NOT_YET) else UNTRUSTED


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it came from: the libraries wrap errors as causes, arguments and reasons."""
    seen: set[int] = set()
    left: list[object] = [error]
    while left:
        each = left.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            left += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]


def _check(name: str, value: str) -> None:
    """Raises Misconfigured where no certificate can be read from what a variable names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        for place in value.split(os.pathsep) if name == FOLDER else [value]:
            folder = Path(place).is_dir()
            context.load_verify_locations(None if folder else place, place if folder else None)
    except OSError as error:  # ssl's own errors are among these
        said = error.strerror if not isinstance(error, ssl.SSLError) and error.strerror else "no certificate in it"
        raise Misconfigured(f"{name} is {value!r}: {said}; {WANTED}") from error
