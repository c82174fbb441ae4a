"""Secrets and personal data on every way into the server, for tests of what it tells about its work."""

from __future__ import annotations

from dataclasses import replace

from flask.testing import FlaskClient

from backend.server.child_process import free_port
from backend.settings import Settings
from tests.backend import calls
from tests.backend.clients import SETTINGS
from tests.backend.site import Site, png, status_only
from tests.backend.webhooks.told import annotation, project, task

KEY, PASSWORD, HOOK = "legacy-key-0123456789", "the-operators-passw0rd", "the-webhooks-secret"
USER, GUESS, SIGNATURE = "operator-anna", "a-wrong-passw0rd", "X-Amz-Signature-4f5e6d"
MAIL, TOKEN = "annotator.anna@example.org", "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl"
PIXELS = calls.data_uri(calls.picture()).partition(",")[2]
SECRETS = (KEY, PASSWORD, HOOK, USER, GUESS, SIGNATURE, MAIL, TOKEN, PIXELS[:40])
EVERYTHING = f"{KEY} {PASSWORD} {HOOK} {MAIL} {TOKEN} http://x.example/a?{SIGNATURE} data:image/png;base64,{PIXELS}"


def guarded(site: Site) -> Settings:
    """Settings that hold secrets."""
    return replace(
        SETTINGS,
        label_studio_url=site.url,
        label_studio_api_key=KEY,
        basic_auth_user=USER,
        basic_auth_password=PASSWORD,
        webhook_secret=HOOK,
    )


def provoke(client: FlaskClient, site: Site) -> None:
    """Bring every secret, along ways that go well and ways that fail."""
    site.routes.update({"/a.png": png, "/gone.png": status_only(404), "/me": status_only(401)})
    pictures = [f"{site.url}/{name}?{SIGNATURE}=1" for name in ("a.png", "gone.png", "me")]
    pictures += [f"/a.png?sig={SIGNATURE}", f"http://{USER}:{GUESS}@127.0.0.1:{free_port()}/x.png?{SIGNATURE}"]
    tasks = [calls.task(number, url) for number, url in enumerate([*pictures, calls.task()["data"]["image"]])]
    broken = calls.data_uri(calls.picture())[:-40] + "!!!"
    auth = (USER, PASSWORD)
    for context in (None, calls.text(f"red of {MAIL} {TOKEN}"), calls.point(25, 25)):
        for each in (tasks, [calls.task(9, broken)]):
            client.post("/predict", json=calls.predict(each, context=context), auth=auth)
    body = {"project": "1.1", "schema": calls.BITMASK, "hostname": site.url, "access_token": TOKEN, "user": MAIL}
    client.post("/setup", json=body, auth=auth)
    client.post("/setup", json=body, auth=(USER, GUESS))
    event = {
        "action": "ANNOTATION_CREATED",
        "project": {**project(), "created_by": {"email": MAIL}},
        "task": {**task(), "updated_by": [{"email": MAIL}]},
        "annotation": {**annotation(), "created_username": MAIL},
    }
    for path in (f"/webhook/{HOOK}", f"/webhook/{GUESS}"):
        client.post(path, json=event)
        client.get(path, headers={"X-Request-ID": MAIL})
    client.post("/webhook", json=event, headers={"X-Anyword-Secret": HOOK, "Authorization": f"Bearer {TOKEN}"})
    client.get(f"/nothing?{SIGNATURE}", auth=auth)
