"""Each thing that can be wrong between Label Studio and the backend, provoked once, with its remedy."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from backend.doctor import access
from backend.doctor.finding import Diagnosis, exit_status
from backend.labelstudio import configs
from backend.server.child_process import free_port
from tests.backend.doctor.clinic import SECRET, Clinic
from tests.backend.site import Answer, Seen, redirect
from tests.backend.webhooks.studio_site import LEGACY, token
from tests.backend.webhooks.studio_site import SECRET as SIGNED


def amiss(findings: list[Diagnosis]) -> Diagnosis:
    """The only finding that asks for something to be done."""
    [found] = [finding for finding in findings if finding.status in ("warning", "problem")]
    return found


def test_all_is_well_when_nothing_was_changed(clinic: Clinic) -> None:
    findings = clinic.examine()
    assert exit_status(findings) == 0
    assert {finding.status for finding in findings} == {"ok"}
    assert [finding.name for finding in findings] == [
        "Label Studio",
        "key",
        f"project 12, model {clinic.site.url}",
        f"project 12, model {clinic.site.url}",
        "project 12, webhook",
        "project 12, labelling config",
    ]
    assert findings[0].what == f"1.23.2 at {clinic.site.url}"


# Label Studio and its key


def test_without_an_address_the_rest_is_skipped(clinic: Clinic) -> None:
    server, *rest = clinic.examine(label_studio_url="")
    assert (server.status, "ANYWORD_LABEL_STUDIO_URL" in server.remedy) == ("warning", True)
    assert {finding.status for finding in rest} == {"skipped"}


def test_nobody_at_the_address(clinic: Clinic) -> None:
    found = amiss(clinic.examine(label_studio_url=f"http://127.0.0.1:{free_port()}"))
    assert (found.name, found.status) == ("Label Studio", "problem")
    assert "cannot be reached" in found.what
    assert "localhost is the container" in found.remedy


def test_an_address_that_leads_on(clinic: Clinic) -> None:
    clinic.site.routes["/api/version/"] = redirect("https://studio.example/api/version/?key=1")
    found = amiss(clinic.examine())
    assert "leads on to https://studio.example/api/version/" in found.what
    assert "key=1" not in found.what
    assert "ANYWORD_LABEL_STUDIO_URL" in found.remedy


def test_another_server_at_the_address(clinic: Clinic) -> None:
    clinic.version = {"name": "Grafana"}
    assert "does not answer as Label Studio" in amiss(clinic.examine()).what


def test_no_key(clinic: Clinic) -> None:
    found = amiss(clinic.examine(label_studio_api_key=""))
    assert (found.name, found.status) == ("key", "warning")
    assert "Personal Access Token" in found.remedy


def test_a_personal_access_token_is_exchanged(clinic: Clinic) -> None:
    findings = clinic.examine(label_studio_api_key=clinic.personal)
    assert findings[1].what == "personal access token, accepted"
    assert exit_status(findings) == 0


@pytest.mark.parametrize(
    ("key", "what", "remedy"),
    [
        ("0" * 40, "legacy token, refused with 401", "legacy tokens are off"),
        ("a-key", "neither a legacy token", "Personal Access Token"),
        ("a.b.c", "neither a legacy token", "Personal Access Token"),
        (token("access"), "no personal access token", "lives for five minutes"),
        (
            jwt.encode({"token_type": "refresh", "exp": datetime(2026, 1, 2, tzinfo=UTC)}, SIGNED, "HS256"),
            "expired on 2026-01-02",
            "Make a new one",
        ),
        (f"{token('refresh')}-", "personal access token, refused with 401", "Make a new one"),
    ],
    ids=["wrong", "no token", "no JWT", "access token", "expired", "revoked"],
)
def test_a_key_that_does_not_open(clinic: Clinic, key: str, what: str, remedy: str) -> None:
    findings = clinic.examine(label_studio_api_key=key)
    found = amiss(findings)
    assert (found.name, found.status) == ("key", "problem")
    assert what in found.what
    assert remedy in found.remedy
    assert key not in str(findings)


@pytest.mark.parametrize("path", ["/api/token/refresh/", "/api/current-user/whoami"])
def test_a_server_that_breaks_off_while_the_key_is_tried(clinic: Clinic, path: str) -> None:
    clinic.site.routes[path] = lambda _: (200, {"Content-Length": "1000"}, b"cut")
    found = amiss(clinic.examine(label_studio_api_key=clinic.personal))
    assert (found.name, found.status, found.remedy) == ("key", "problem", access.TRY_URL)
    assert "cannot be reached" in found.what


# Models


def test_no_project_has_a_model(clinic: Clinic) -> None:
    clinic.model.clear()
    found = amiss(clinic.examine())
    assert found.what == "no project has a model connected"
    assert "Connect Model" in found.remedy


def test_projects_on_later_pages_are_looked_at(clinic: Clinic) -> None:
    listed = clinic.site.routes["/api/projects"]
    pages = {"1": b'{"results": [], "next": "http://elsewhere.example/api/projects?page=2"}'}

    def page(seen: Seen) -> Answer:
        number = parse_qs(urlsplit(seen.path).query)["page"][0]
        return (200, {}, pages[number]) if number in pages else listed(seen)

    clinic.site.routes["/api/projects"] = page
    assert "project 12, webhook" in [finding.name for finding in clinic.examine()]


def test_another_backend_is_left_alone(clinic: Clinic) -> None:
    clinic.model["model_version"] = "yolo"
    clinic.site.routes["/health"] = clinic.site.routes["/api/version/"]
    clinic.webhooks.clear()
    findings = clinic.examine(repair=True)
    assert findings[-1].what == "another backend than this one"
    assert clinic.webhooks == []


def test_a_model_that_label_studio_alone_reaches(clinic: Clinic) -> None:
    clinic.site.routes["/health"] = redirect("/nowhere")
    found = amiss(clinic.examine())
    assert (found.status, found.what) == ("warning", "does not answer from here, but Label Studio reaches it")


def test_a_model_that_nobody_reaches(clinic: Clinic) -> None:
    clinic.site.routes["/health"] = redirect("/nowhere")
    clinic.model |= {"state": "DI", "readable_state": "Disconnected"}
    found = [finding for finding in clinic.examine() if finding.status == "problem"]
    assert ["--host 0.0.0.0" in found[0].remedy, "Validate and Save" in found[1].remedy] == [True, True]


@pytest.mark.parametrize(
    ("error", "remedy"),
    [("no <Brush>", "Validate and Save"), ("authentication parameters are incorrect", "basic authentication")],
)
def test_what_label_studio_says_of_a_model_is_told(clinic: Clinic, error: str, remedy: str) -> None:
    url = clinic.site.url.replace("http://", "http://anna:word-0123@")
    told = f"{url}: {error}"
    clinic.model |= {"url": url, "state": "ER", "readable_state": "Error", "error_message": told}
    findings = [finding for finding in clinic.examine() if "Error" in finding.what]
    assert findings[0].what == f'Label Studio calls it "Error": {clinic.site.url}: {error}'
    assert remedy in findings[0].remedy
    assert "word-0123" not in str(clinic.examine())


def test_a_private_address_that_label_studio_refuses(clinic: Clinic) -> None:
    clinic.model |= {"state": "ER", "readable_state": "Error"}
    [found] = [finding for finding in clinic.examine() if finding.status == "warning"]
    assert "private" in found.what
    assert "USE_DEFAULT_BANNED_SUBNETS=false" in found.remedy


def test_an_ipv6_address_never_works(clinic: Clinic) -> None:
    clinic.model |= {"url": f"http://[::1]:{free_port()}", "state": "ER"}
    findings = {finding.what: finding for finding in clinic.examine() if "IPv4" in finding.remedy}
    assert [finding.status for finding in findings.values()] == ["problem", "problem"]
    assert "its address is a numeric IPv6 one" in findings


def test_a_model_that_is_not_interactive(clinic: Clinic) -> None:
    clinic.model["is_interactive"] = False
    assert "Interactive preannotations" in amiss(clinic.examine()).remedy


# Webhooks


def test_a_host_without_a_dot_gets_no_webhook(clinic: Clinic) -> None:
    clinic.model["url"] = "http://anyword:9"
    problems = {finding.what: finding.remedy for finding in clinic.examine() if finding.status == "problem"}
    assert list(problems) == [
        "its host has no dot, and gets no webhook",
        "Label Studio takes http://anyword:9/webhook for no address",
    ]
    assert all("alias with a dot" in remedy for remedy in problems.values())


def test_events_that_label_studio_does_not_send_to_private_addresses(clinic: Clinic) -> None:
    clinic.guarded = True  # ML_BLOCK_LOCAL_IP=false alone: the model is connected, yet hears nothing
    found = amiss(clinic.examine(repair=True))
    assert (found.name, found.status) == ("project 12, webhook", "problem")
    assert "SSRF_PROTECTION_ENABLED=false" in found.remedy


def test_a_host_that_label_studio_does_not_know(clinic: Clinic) -> None:
    clinic.model["url"] = "http://unknown.invalid:9"
    found = clinic.examine()[-2]
    assert found.what == "Label Studio does not know the host of http://unknown.invalid:9/webhook"
    assert "a name that Label Studio's host knows" in found.remedy


def test_asking_changes_nothing(clinic: Clinic) -> None:
    clinic.webhooks.clear()
    found = amiss(clinic.examine())
    assert f"there is none to {clinic.site.url}/webhook" in found.what
    assert "doctor --repair" in found.remedy
    assert clinic.webhooks == []


def test_a_missing_webhook_is_made(clinic: Clinic) -> None:
    clinic.webhooks[0]["url"] = "http://elsewhere.example/webhook"
    assert exit_status(clinic.examine(repair=True)) == 0
    assert [webhook["url"] for webhook in clinic.webhooks][1:] == [f"{clinic.site.url}/webhook"]
    assert exit_status(clinic.examine()) == 0


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ({"is_active": False}, "is switched off"),
        ({"send_for_all_actions": False, "actions": ["TASKS_CREATED"]}, "is not sent for all actions"),
        ({"send_payload": False}, "is sent without its content"),
    ],
    ids=["inactive", "actions", "payload"],
)
def test_a_faulty_webhook_is_told_and_repaired(clinic: Clinic, fault: dict[str, object], what: str) -> None:
    clinic.webhooks[0] |= fault
    found = amiss(clinic.examine())
    assert what in found.what
    assert "doctor --repair" in found.remedy
    assert "repaired" in clinic.examine(repair=True)[4].what
    assert (len(clinic.webhooks), exit_status(clinic.examine())) == (1, 0)


def test_a_webhook_without_the_secret_is_given_it_and_keeps_its_headers(clinic: Clinic) -> None:
    clinic.webhooks[0]["headers"] = {"X-Other": "1"}
    found = amiss(clinic.examine(webhook_secret=SECRET))
    assert "without the secret" in found.what
    findings = clinic.examine(repair=True, webhook_secret=SECRET)
    assert clinic.webhooks[0]["headers"] == {"X-Other": "1", "X-Anyword-Secret": SECRET}
    assert exit_status(clinic.examine(webhook_secret=SECRET)) == 0
    assert SECRET not in str(findings)
    assert LEGACY not in str(findings)


def test_a_secret_in_the_address_counts(clinic: Clinic) -> None:
    clinic.webhooks[0]["url"] += f"/{SECRET}"
    findings = clinic.examine(webhook_secret=SECRET)
    assert exit_status(findings) == 0
    assert SECRET not in str(findings)


def test_a_secret_that_no_header_carries_goes_into_the_address(clinic: Clinic) -> None:
    clinic.examine(repair=True, webhook_secret="geheim-ö")
    assert clinic.webhooks[0]["url"] == f"{clinic.site.url}/webhook/geheim-%C3%B6"
    assert exit_status(clinic.examine(webhook_secret="geheim-ö")) == 0


def test_a_key_that_may_not_repair(clinic: Clinic) -> None:
    clinic.webhooks.clear()
    clinic.may_change = False
    found = amiss(clinic.examine(repair=True))
    assert "repairing it was refused with 403" in found.what
    assert "somebody who manages the project" in found.remedy


# Labelling configs


def test_a_labelling_config_that_cannot_be_served(clinic: Clinic) -> None:
    clinic.config = '<View><Image name="image" value="$image"/></View>'
    found = amiss(clinic.examine())
    assert (found.status, found.what) == ("problem", "Labeling config needs <Brush> or <Bitmask>")
    assert "Copy one of the labelling configs" in found.remedy


def test_what_a_labelling_config_lacks(clinic: Clinic) -> None:
    clinic.config = configs.BITMASK.xml.replace('maxSubmissions="1"', "")
    found = amiss(clinic.examine())
    assert (found.status, found.remedy) == ("warning", 'Add maxSubmissions="1"')


def test_what_the_key_may_not_see_is_told(clinic: Clinic) -> None:
    del clinic.site.routes["/api/ml/"]
    found = amiss(clinic.examine())
    assert (found.name, "404" in found.what, "may not see" in found.remedy) == ("projects", True, True)
