"""Which places in cloud storage are open, and pictures from each cloud's protocol on the loopback."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.pictures.buckets import Buckets, listed, location
from backend.pictures.images import Images, ImageSource
from backend.server.app import image_source
from backend.settings import read
from model.errors import BadImage, Misconfigured
from tests.backend.pictures.bucket_site import BucketSite, bucket_site, service_account
from tests.backend.site import COLOUR, PNG, Site, load, png

OPEN = "s3://pictures/2026, gs://scans, azure-blob://slides/a"


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketSite]:
    """All three clouds at one address, with the credentials of the process in their usual variables."""
    for package in ("s3fs", "gcsfs", "adlfs"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install -r requirements-clouds.txt")
    with bucket_site() as site:
        site.files = {
            "pictures/2026/a.png": PNG,
            "pictures/2026/a b+%41.png": PNG,
            "scans/a.png": PNG,
            "slides/a/a.png": PNG,
        }
        (tmp_path / "google.json").write_text(service_account(site))
        account = base64.b64encode(b"secret").decode()
        azure = f"AccountName=account;AccountKey={account};BlobEndpoint={site.url}/account"
        for name, value in {
            "AWS_ENDPOINT_URL_S3": site.url,
            "AWS_ACCESS_KEY_ID": "ours",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "STORAGE_EMULATOR_HOST": site.url,
            "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "google.json"),
            "AZURE_STORAGE_CONNECTION_STRING": azure,
        }.items():
            monkeypatch.setenv(name, value)
        yield site


ADDRESSES = {
    "s3://pictures/2026/a.png": "AWS4-HMAC-SHA256 Credential=ours/",
    "gs://scans/a.png": "Bearer of-the-server",
    "azure-blob://slides/a/a.png": "SharedKey account:",
}


def buckets(**limits: float) -> Buckets:
    return Buckets(listed(OPEN), int(limits.get("max_bytes", 1000)), limits.get("timeout_s", 20.0))


def refusal(uri: str, **limits: float) -> str:
    with pytest.raises(BadImage) as refused:
        buckets(**limits).get(uri)
    return str(refused.value)


@pytest.mark.parametrize("uri", ADDRESSES)
def test_a_picture_comes_with_the_credentials_of_the_process(cloud: BucketSite, uri: str) -> None:
    source = ImageSource(buckets=listed(OPEN), timeout_s=20.0)
    image = Images(source).load(uri)  # neither a task nor a Label Studio is needed
    assert image.shape == (5, 7, 3)
    assert tuple(image[0, 0]) == COLOUR
    assert cloud.keys[-1].startswith(ADDRESSES[uri])
    assert len(cloud.asked) == 1


def test_odd_characters_in_a_key_stay_as_they_are(cloud: BucketSite) -> None:
    assert buckets().hold("s3://pictures/2026/a b+%41.png")
    cloud.files = {"pictures/2026/a%20b%2B%2541.png": PNG}  # encoded once on the way
    assert buckets().get("s3://pictures/2026/a b+%41.png") == PNG


@pytest.mark.parametrize("uri", ADDRESSES)
def test_a_file_that_is_not_there_is_said(cloud: BucketSite, uri: str) -> None:
    cloud.files.clear()
    assert refusal(uri) == f"image: there is no {uri}"


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("uri", ["s3://closed/a.png", "gs://closed/a.png", "azure-blob://closed/a.png"])
def test_what_the_credentials_do_not_open_is_said(uri: str) -> None:
    assert refusal(uri).startswith(f"image: {uri} cannot be read with the server's own cloud credentials (")


@pytest.mark.parametrize("uri", ADDRESSES)
def test_of_a_file_that_is_too_large_one_byte_too_many_is_fetched(cloud: BucketSite, uri: str) -> None:
    cloud.files = {name: bytes(100_000) for name in cloud.files}
    assert refusal(uri, max_bytes=2000) == f"image: {uri} is larger than 0.002 MB"
    assert cloud.sent <= 2001


@pytest.mark.parametrize("uri", ADDRESSES)
def test_a_cloud_that_does_not_answer_is_given_up(cloud: BucketSite, uri: str) -> None:
    own = buckets()
    own.get(uri)  # with time, also for Google's token
    cloud.hold.clear()
    with pytest.raises(BadImage, match=r"no answer about .* within 0.3 s"):
        replace(own, timeout_s=0.3).get(uri)


def test_without_a_list_pictures_come_through_label_studio(site: Site) -> None:
    site.routes["/tasks/7/presign/"] = png
    load("s3://pictures/2026/a.png", hostname=site.url)
    assert len(site.seen) == 1


@pytest.mark.parametrize(
    "uri",
    [
        "s3://pictures",
        "s3://pictures/2026/",
        "s3://pictures/20260/a.png",
        "s3://pictures/2027/a.png",
        "s3://pictures2026/a.png",
        "s3://pictures/2026/../secret/a.png",
        "s3://pictures/2026/%2e%2E/secret/a.png",
        "s3://pictures/2026/..%2fsecret/a.png",
        "s3://pictures/2026/.%2e%5csecret",
        "s3://pictures/2026/..\\secret",
        "s3://pictures/2026/./a.png",
        "s3://pictures/2026//a.png",
        "s3://pictures//2026/a.png",
        "s3:///pictures/2026/a.png",
        "s3://pictures/2026/a.png?versionId=1",
        "s3://pictures/2026/a.png#1",
        "s3://pictures/2026/a\n.png",
        "s3://PICTURES/2026/a.png",
        "s3://user@pictures/2026/a.png",
        "gs://pictures/2026/a.png",
        "azure-blob://slides/b/a.png",
        "https://pictures/2026/a.png",
        "file://pictures/2026/a.png",
        "",
    ],
)
def test_what_is_not_plainly_in_a_listed_place_is_not_read(uri: str) -> None:
    assert not buckets().hold(uri)


@pytest.mark.parametrize(
    "uri", ["S3://pictures/2026/a/b.png", "azure_blob://slides/a/b.png", "gs://scans/..a/b...png", "gs://scans/ä.png"]
)
def test_what_lies_in_a_listed_place_is_read(uri: str) -> None:
    assert buckets().hold(uri)


def test_the_list_is_read_with_or_without_slashes_at_the_end() -> None:
    assert listed(" s3://a/b/ ,azure_blob://c") == (("s3", "a", "b"), ("azure-blob", "c"))
    assert listed("") == ()
    assert location("s3://a/b") == ("s3", "a", "b")


@pytest.mark.parametrize("entry", ["pictures", "s3://", "ftp://a", "s3://a/../b", "s3:/a"])
def test_a_list_with_something_else_is_refused(entry: str) -> None:
    with pytest.raises(Misconfigured, match=r"ANYWORD_BUCKETS has .*, but takes s3://bucket/folder"):
        read({"ANYWORD_BUCKETS": f"gs://scans,{entry}"})


def test_a_missing_package_is_named_with_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adlfs", None)
    with pytest.raises(Misconfigured, match=r"needs adlfs: python -m pip install -r requirements-clouds.txt"):
        read({"ANYWORD_BUCKETS": "azure-blob://slides"})


def test_a_picture_is_fetched_once(cloud: BucketSite) -> None:
    images = Images(ImageSource(buckets=listed(OPEN), timeout_s=20.0))
    first, second = (images.load("s3://pictures/2026/a.png") for _ in range(2))
    assert np.array_equal(first, second)
    assert len(cloud.asked) == 1


def test_the_setting_reaches_the_pictures() -> None:
    assert image_source(read({"ANYWORD_BUCKETS": "s3://a/b"})).buckets == (("s3", "a", "b"),)
