"""https with a certificate authority of one's own: one variable serves every library, and faults are named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir
from functools import partial
from pathlib import Path

import httpx
import pytest
import requests

from backend import certificates
from backend.__main__ import main
from backend.cli import preannotate
from backend.cli.doctor import ONE_FILE
from backend.labelstudio import client as client_module
from backend.labelstudio.access_key import AccessKey
from backend.labelstudio.client import LabelStudioClient
from backend.page.remedies import remedy
from model.errors import Misconfigured
from tests.backend.authority import Authority, authority
from tests.backend.bulk.bulk_site import bulk_site
from tests.backend.calls import BITMASK
from tests.backend.clients import version_of
from tests.backend.colour_engine import ColourEngine
from tests.backend.doctor.clinic import clinic
from tests.backend.site import load, png, refusal, serving
from tests.backend.webhooks.studio_site import LEGACY, studio, token

ONE_EACH = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None of the variables is set, and all are as they were afterwards; nothing is asked again."""
    monkeypatch.setattr(client_module, "RETRIES", 0)
    before = {name: os.environ.pop(name) for name in certificates.VARIABLES if name in os.environ}
    yield
    for name in certificates.VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(before)


@pytest.fixture(params=[*ONE_EACH, "SSL_CERT_DIR"])
def trusted(request: pytest.FixtureRequest, own: Authority, tmp_path: Path) -> dict[str, str]:
    """One variable that names the authority."""
    if request.param != "SSL_CERT_DIR":
        return {request.param: str(own.file)}
    certificates_in = tmp_path / "certificates"
    certificates_in.mkdir()
    shutil.copy(own.file, certificates_in / own.hashed)
    return {request.param: str(certificates_in)}


def options(tmp_path: Path, url: str) -> dict[str, str]:
    return {
        "ANYWORD_DATABASE": f"sqlite:///{tmp_path}/own.db",
        "ANYWORD_LABEL_STUDIO_API_KEY": LEGACY,
        "ANYWORD_LABEL_STUDIO_URL": url,
    }


# One variable for all


def test_preannotate_reads_stores_and_fetches(
    trusted: dict[str, str], own: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preannotate, "run", partial(preannotate.run, load=ColourEngine))
    with bulk_site(1, tls=own.server()) as site:
        status = main(["preannotate", "--project", "1"], options(tmp_path, site.fake.url) | trusted)
        assert status == 0
        assert [one["model_version"] for one in site.predictions()[1]] == [version_of(BITMASK)]


def test_doctor_finds_all_well(trusted: dict[str, str], own: Authority) -> None:
    certificates.share(trusted)
    with clinic(own.server()) as healthy:
        assert {finding.status for finding in healthy.examine()} == {"ok"}


@pytest.mark.filterwarnings("ignore:The `parse_obj` method is deprecated")  # of the SDK
def test_a_personal_access_token_is_exchanged(trusted: dict[str, str], own: Authority) -> None:
    certificates.share(trusted)
    with studio(tls=own.server()) as site:
        assert LabelStudioClient(site.url, token("refresh")).find(1).project.title
        assert AccessKey(site.url, token("refresh"), 5.0).header() == f"Bearer {site.access}"


def test_connect_reaches_both(
    trusted: dict[str, str], own: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with clinic(own.server()) as healthy:
        told = ["connect", "--project", "12", "--at", healthy.site.url]
        assert main(told, options(tmp_path, healthy.site.url) | trusted) == 0
    assert "put right" in capsys.readouterr().out


def test_pictures_from_other_hosts_are_read(trusted: dict[str, str], own: Authority) -> None:
    certificates.share(trusted)
    with serving(own.server()) as site:
        site.routes["/a.png"] = png
        load(f"{site.url}/a.png")
        load(f"{site.url.replace('127.0.0.1', 'localhost')}/a.png")  # the certificate of the name, not of its address


def test_both_kinds_stay_where_both_are_given(own: Authority, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    shutil.copy(own.file, other)
    given = {"REQUESTS_CA_BUNDLE": str(own.file), "SSL_CERT_FILE": str(other)}
    into = dict(given)
    certificates.share(given, into)
    assert into == given
    assert certificates.differ(given)
    assert not certificates.differ(given | {"SSL_CERT_FILE": str(own.file)})


@pytest.mark.parametrize(
    ("given", "bundle", "file"),
    [
        ({"REQUESTS_CA_BUNDLE": "one"}, "one", "one"),
        ({"SSL_CERT_FILE": "one"}, "one", "one"),
        ({"CURL_CA_BUNDLE": "one"}, "one", "one"),
        ({"SSL_CERT_FILE": "one", "CURL_CA_BUNDLE": "other", "SSL_CERT_DIR": "folder"}, "one", "one"),
        ({"REQUESTS_CA_BUNDLE": "one", "SSL_CERT_DIR": "folder"}, "one", "one"),
        ({"SSL_CERT_DIR": "folder:other"}, "folder", None),
        ({"SSL_CERT_FILE": "folder"}, "folder", None),
        ({"REQUESTS_CA_BUNDLE": "one", "SSL_CERT_FILE": "folder"}, "one", "one"),
    ],
)
def test_which_file_counts_for_whom(
    given: dict[str, str], bundle: str, file: str | None, own: Authority, tmp_path: Path
) -> None:
    with chdir(tmp_path):
        assert shared(given, own) == (bundle, file)


def shared(given: dict[str, str], own: Authority) -> tuple[str | None, str | None]:
    """The files of requests and of httpx."""
    for name in ("one", "other"):
        shutil.copy(own.file, name)
    Path("folder").mkdir()
    into: dict[str, str] = {}
    certificates.share(given, into)
    return into.get("REQUESTS_CA_BUNDLE"), into.get("SSL_CERT_FILE")


def test_a_folder_in_place_of_a_file_counts_as_a_folder(tmp_path: Path) -> None:
    """httpx reads SSL_CERT_FILE as a file, whatever it is."""
    into = {"SSL_CERT_FILE": str(tmp_path)}
    certificates.share(dict(into), into)
    assert into == {"SSL_CERT_DIR": str(tmp_path), "REQUESTS_CA_BUNDLE": str(tmp_path)}
    httpx.Client().close()


def test_nothing_is_set_where_nothing_is_given() -> None:
    into: dict[str, str] = {}
    certificates.share({"SSL_CERT_FILE": "", "PATH": "/bin"}, into)
    assert into == {}


@pytest.mark.parametrize("name", certificates.VARIABLES)
@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), ("no certificate", "no certificate in it")])
def test_a_file_without_certificates_is_refused_at_the_start(
    name: str, content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    if name == "SSL_CERT_DIR" and content is not None:
        pytest.skip("OpenSSL looks into a folder when it needs a certificate")
    assert main(["sync"], {name: str(tmp_path / "ca.pem")}) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert f"{name} is '{tmp_path / 'ca.pem'}': " in line
    assert said in line
    main(["doctor", "--json"], {name: str(tmp_path / "ca.pem")})
    [*_, finding] = json.loads(capsys.readouterr().out)
    assert (finding["name"], finding["status"]) == ("certificates", "problem")


def test_two_files_are_a_warning_of_doctor(own: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = shutil.copy(own.file, tmp_path / "other.pem")
    main(["doctor", "--json"], {"REQUESTS_CA_BUNDLE": str(own.file), "SSL_CERT_FILE": str(other)})
    [found] = [each for each in json.loads(capsys.readouterr().out) if each["name"] == "certificates"]
    assert (found["status"], found["remedy"]) == ("warning", ONE_FILE)


# What is wrong with a certificate

FAULTS = [
    ((), None, certificates.UNTRUSTED, "REQUESTS_CA_BUNDLE or SSL_CERT_FILE"),
    (("DNS:studio.example",), "trusted", certificates.OTHER, "the name that the certificate was made for"),
    (("IP:127.0.0.1", "-days", "-1"), "trusted", certificates.OUT_OF_DATE, "Renew the certificate"),
]


@pytest.mark.parametrize(("made", "trust", "fault", "what_to_do"), FAULTS, ids=["untrusted", "name", "expired"])
def test_a_fault_is_named_with_its_remedy(
    made: tuple[str, ...], trust: str | None, fault: str, what_to_do: str, own: Authority
) -> None:
    certificates.share({"SSL_CERT_FILE": str(own.file)} if trust else {})
    with clinic(own.server(*made)) as healthy:
        url = healthy.site.url
        server, *_ = healthy.examine()
        picture = refusal(f"{url}/a.png")
        with pytest.raises(Misconfigured) as refused:
            LabelStudioClient(url, LEGACY).find(1)
    assert (server.status, fault in server.what, what_to_do in server.remedy) == ("problem", True, True)
    assert f"{url}/a.png cannot be reached ({fault}: " in picture
    assert what_to_do in remedy(picture)
    assert fault in str(refused.value)
    assert what_to_do in str(refused.value)


def test_a_server_that_speaks_plain_http_is_named() -> None:
    with clinic() as healthy:
        url = healthy.site.url.replace("http:", "https:")
        server, *_ = healthy.examine(label_studio_url=url)
    assert (certificates.NO_TLS in server.what, "http://" in server.remedy) == (True, True)


def test_a_model_whose_certificate_is_not_trusted_is_named(own: Authority) -> None:
    with clinic() as healthy, serving(own.server()) as backend:
        healthy.model |= {"url": backend.url, "state": "ER"}
        findings = healthy.examine()
    [found] = [finding for finding in findings if certificates.UNTRUSTED in finding.what]
    assert (found.status, found.name) == ("problem", f"project 12, model {backend.url}")
    assert "REQUESTS_CA_BUNDLE" in found.remedy


def test_preannotate_tells_the_fault_at_once(
    own: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with bulk_site(1, tls=own.server()) as site:
        assert main(["preannotate", "--project", "1"], options(tmp_path, site.fake.url)) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert certificates.UNTRUSTED in line
    assert "SSL_CERT_FILE" in line


@pytest.mark.parametrize("ask", [requests.get, httpx.get])
def test_other_faults_keep_their_name(ask: Callable[[str], object]) -> None:
    with pytest.raises(Exception, match="refused") as failed:
        ask("http://127.0.0.1:9")
    assert certificates.named(failed.value) == type(failed.value).__name__
    assert certificates.remedy(certificates.named(failed.value)) == ""
