"""Whether Label Studio answers, and whether our key opens it."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from backend import certificates
from backend.doctor.api import Api, Unanswered, parsed
from backend.doctor.finding import Diagnosis
from backend.pictures.network.urls import shown

SERVER, KEY = "Label Studio", "key"
SET_URL = "Set ANYWORD_LABEL_STUDIO_URL, or give --url: without it, uploaded pictures cannot be fetched."
TRY_URL = (
    "See whether it runs, and try the address from the backend's own machine: in a container, localhost is the "
    "container itself."
)
OTHER_URL = "Correct ANYWORD_LABEL_STUDIO_URL: it has to be the address that people open Label Studio with."
SET_KEY = "In Label Studio: Account & Settings, Personal Access Token; set ANYWORD_LABEL_STUDIO_API_KEY to it."
NEW_KEY = "Make a new one: Account & Settings, Personal Access Token; set ANYWORD_LABEL_STUDIO_API_KEY to it."
LEGACY_OFF = (
    "It is wrong, of another server, or legacy tokens are off: take a personal access token, or switch legacy tokens "
    "on under Organization, Access Token Settings."
)
NO_REFRESH = "That is an access token, which lives for five minutes: set the personal access token itself."


def reached(api: Api) -> tuple[Diagnosis, str]:
    """Whether there is a Label Studio, and its version, which is empty where there is none."""
    try:
        answer = api.call("GET", "/api/version/")
    except Unanswered as error:
        return Diagnosis(SERVER, "problem", str(error), certificates.remedy(str(error)) or TRY_URL), ""
    if answer.is_redirect:
        target = shown(answer.headers.get("Location", ""))
        return Diagnosis(SERVER, "problem", f"{shown(api.url)} leads on to {target}", OTHER_URL), ""
    told = parsed(answer)
    version = told.get("release") if isinstance(told, Mapping) else None
    if not isinstance(version, str):
        what = f"{answer.status_code} from {shown(api.url)}, which does not answer as Label Studio"
        return Diagnosis(SERVER, "problem", what, OTHER_URL), ""
    return Diagnosis(SERVER, "ok", f"{version} at {shown(api.url)}"), version


def opened(api: Api, key: str) -> Diagnosis:
    """What kind of key this is, and whether it works; if so, `api` is authorized from now on."""
    if not key:
        return Diagnosis(KEY, "warning", "none is set, so uploaded pictures and projects cannot be read", SET_KEY)
    claims = _claims(key)
    if claims is None:
        return _legacy(api, key)
    if claims.get("token_type") != "refresh":
        return Diagnosis(KEY, "problem", "a token, but no personal access token", NO_REFRESH)
    if isinstance(expiry := claims.get("exp"), int | float) and expiry < time.time():
        when = time.strftime("%Y-%m-%d", time.gmtime(expiry))
        return Diagnosis(KEY, "problem", f"personal access token, expired on {when}", NEW_KEY)
    return _personal(api, key)


def _legacy(api: Api, key: str) -> Diagnosis:
    if not re.fullmatch(r"[0-9a-f]{40}", key):
        what = "neither a legacy token (40 hexadecimal digits) nor a personal access token"
        return Diagnosis(KEY, "problem", what, SET_KEY)
    return _tried(api, f"Token {key}", "legacy token", LEGACY_OFF)


def _personal(api: Api, key: str) -> Diagnosis:
    try:
        answer = api.call("POST", "/api/token/refresh/", {"refresh": key})
    except Unanswered as error:
        return Diagnosis(KEY, "problem", str(error), certificates.remedy(str(error)) or TRY_URL)
    told = parsed(answer)
    access = told.get("access") if isinstance(told, Mapping) else None
    if not isinstance(access, str):
        return Diagnosis(KEY, "problem", f"personal access token, refused with {answer.status_code}", NEW_KEY)
    return _tried(api, f"Bearer {access}", "personal access token", NEW_KEY)


def _tried(api: Api, authorization: str, kind: str, remedy: str) -> Diagnosis:
    """Whether the API opens to this header."""
    api.authorization = authorization
    try:
        status = api.call("GET", "/api/current-user/whoami").status_code
    except Unanswered as error:
        return Diagnosis(KEY, "problem", str(error), certificates.remedy(str(error)) or TRY_URL)
    if status != 200:
        return Diagnosis(KEY, "problem", f"{kind}, refused with {status}", remedy)
    return Diagnosis(KEY, "ok", f"{kind}, accepted")


def _claims(key: str) -> Mapping[str, Any] | None:
    """What a JWT says of itself, unproven; None for what is none."""
    parts = key.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):  # the libraries have no other way to say no
        return None
    return claims if isinstance(claims, dict) else None
