"""Pictures from every kind of address, over real HTTP on the loopback, and what becomes of their pixels."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from backend.pictures.decoding import decode
from backend.pictures.images import ImageSource
from model.errors import BadImage
from tests.backend.configs import recorded
from tests.backend.site import COLOUR, PNG, Site, file_of, load, loader, png, redirect, refusal

# Addresses


@pytest.mark.parametrize(
    ("deployment", "url", "asked"),
    [
        ("", "/data/upload/1/a.png", "/data/upload/1/a.png"),
        ("/", "/data/upload/1/a.png", "/data/upload/1/a.png"),
        ("/studio", "/studio/data/upload/1/a.png", "/studio/data/upload/1/a.png"),
        ("/studio/", "/data/upload/1/a.png", "/studio/data/upload/1/a.png"),
        ("", "/data/local-files/?d=sub/a%20b.png", "/data/local-files/?d=sub/a%20b.png"),
    ],
)
def test_a_relative_address_is_asked_of_label_studio_with_the_key(
    site: Site, deployment: str, url: str, asked: str
) -> None:
    site.routes[asked.partition("?")[0]] = png
    load(url, hostname=site.url + deployment, api_key="abc")
    assert [(seen.path, seen.authorization) for seen in site.seen] == [(asked, "Token abc")]


def test_without_a_configured_address_the_announced_one_is_asked_but_gets_no_key(site: Site) -> None:
    site.routes["/data/upload/1/a.png"] = png
    load("/data/upload/1/a.png", announced=site.url, api_key="abc")
    assert site.keys == [None]


def test_an_address_on_the_announced_host_is_asked_of_the_configured_one(site: Site) -> None:
    site.routes["/data/local-files/"] = png
    load(
        "http://localhost:1/data/local-files/?d=a.png",
        announced="http://localhost:1",
        hostname=site.url,
        api_key="abc",
    )
    assert [(seen.path, seen.authorization) for seen in site.seen] == [("/data/local-files/?d=a.png", "Token abc")]


def test_a_relative_address_without_any_server_says_what_to_set() -> None:
    assert refusal("/data/upload/1/a.png") == "image: the address is relative, set ANYWORD_LABEL_STUDIO_URL"


@pytest.mark.parametrize("url", ["s3://bucket/a b.png", "gs://bucket/a.png", "azure-blob://box/a.png"])
def test_cloud_storage_is_asked_for_by_label_studio_and_the_key_stays_there(
    site: Site, elsewhere: Site, url: str
) -> None:
    site.routes["/tasks/7/presign/"] = redirect(f"{elsewhere.url}/bucket/a.png?signature=secret")
    elsewhere.routes["/bucket/a.png"] = png
    load(url, hostname=site.url, api_key="abc")
    fileuri = base64.urlsafe_b64encode(url.encode()).decode()
    assert [(seen.path, seen.authorization) for seen in site.seen] == [
        (f"/tasks/7/presign/?fileuri={fileuri}", "Token abc")
    ]
    assert elsewhere.keys == [None]


def test_another_host_is_asked_without_the_key(site: Site, elsewhere: Site) -> None:
    elsewhere.routes["/a.png"] = png
    load(f"{elsewhere.url}/a.png", hostname=site.url, api_key="abc")
    assert (elsewhere.keys, site.keys) == ([None], [])


def test_a_user_in_the_address_is_sent_and_never_shown(elsewhere: Site) -> None:
    url = elsewhere.url.replace("//", "//me:hidden@")
    elsewhere.routes["/a.png"] = png
    load(f"{url}/a.png")
    assert elsewhere.keys == ["Basic " + base64.b64encode(b"me:hidden").decode()]
    assert "hidden" not in refusal(f"{url}/b.png?signature=hidden")


@pytest.mark.parametrize(
    "uri",
    [
        "data:image/png;base64," + base64.b64encode(PNG).decode(),
        "data:image/png;base64," + base64.b64encode(PNG).decode().replace("+", "%2B").replace("=", "%3D"),
        "data:image/png," + "".join(f"%{byte:02x}" for byte in PNG),
    ],
)
def test_a_data_uri_is_read(uri: str) -> None:
    load(uri)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("data:text/html,hello", "no picture"),
        ("data:image/png;base64", "holds no picture"),
        ("data:image/png;base64,A", "damaged"),
        ("data:image/png;base64,AAAA", "no picture"),
        ("data:image/png;base64," + "A" * 3000, "larger than 0.001 MB"),
    ],
)
def test_a_bad_data_uri_is_refused(uri: str, reason: str) -> None:
    assert reason in refusal(uri, max_bytes=1000)


@pytest.mark.parametrize("url", ["", "ftp://host/a.png", "a.png", "C:/a.png", "http://[broken/a.png", "file:///a.png"])
def test_an_address_of_no_known_kind_is_refused(url: str) -> None:
    assert refusal(url, hostname="http://localhost:1").startswith("image: the address")


# Local files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a b.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    return folder


@pytest.mark.parametrize(
    "url",
    [
        "/data/local-files/?d=sub/a%20b.png",
        "http://studio:8080/data/local-files/?d=sub/a%20b.png",
        "sub/a b.png",
        "{root}/sub/a b.png",
        "file://{root}/sub/a%20b.png",
    ],
)
def test_a_local_file_is_read_below_the_root(root: Path, url: str) -> None:
    load(url.format(root=root), announced="http://studio:8080", local_files_root=str(root))


@pytest.mark.parametrize(
    "url",
    [
        "/data/local-files/?d=../secret.png",
        "/data/local-files/?d=/etc/hostname",
        "../secret.png",
        "link.png",
        "{root}/../secret.png",
        "file:///etc/hostname",
    ],
)
def test_a_local_file_outside_the_root_is_refused(root: Path, url: str) -> None:
    said = refusal(url.format(root=root), announced="http://studio:8080", local_files_root=str(root))
    assert "lies outside ANYWORD_LOCAL_FILES_ROOT" in said


@pytest.mark.parametrize("url", ["sub/none.png", "sub", "/data/local-files/"])
def test_a_local_file_that_is_not_there_is_refused(root: Path, url: str) -> None:
    assert "there is no file" in refusal(url, local_files_root=str(root))


def test_a_local_file_that_is_too_large_is_refused(root: Path) -> None:
    assert "larger than 1e-05 MB" in refusal("sub/a b.png", local_files_root=str(root), max_bytes=10)


def test_a_local_file_that_changed_is_read_anew(root: Path) -> None:
    file = root / "sub" / "a b.png"
    with loader(local_files_root=str(root)) as loading:
        first = loading.load("sub/a b.png")
        assert loading.load("/data/local-files/?d=sub/a%20b.png") is first
        file.write_bytes(file_of(Picture.new("RGB", (9, 4), COLOUR)))
        assert loading.load("sub/a b.png").shape == (4, 9, 3)


# What is kept


def test_a_picture_is_fetched_once_for_every_way_to_write_its_address(site: Site) -> None:
    site.routes["/data/upload/1/a.png"] = png
    with loader(hostname=site.url, api_key="abc") as loading:
        first = loading.load("/data/upload/1/a.png")
        assert loading.load(f" {site.url}/data/upload/1/a.png") is first
    assert len(site.seen) == 1


def test_a_data_uri_is_known_by_what_it_holds() -> None:
    one, other = (f"data:image/png;base64,{base64.b64encode(data).decode()}" for data in (PNG, NOISE))
    with loader() as loading:
        first = loading.load(one)
        assert loading.load(one) is first
        assert loading.load(other).shape == (20, 20, 3)


def test_a_path_of_windows_is_read_as_it_stands_and_then_with_slashes(root: Path) -> None:
    address = "/data/local-files/?d=sub%5Ca%20b.png"
    load(address, local_files_root=str(root))
    (root / "sub\\a b.png").write_bytes(b"as it stands")
    assert "no picture" in refusal(address, local_files_root=str(root))


@pytest.mark.parametrize("written", ["{0}/", "{0}//", "{0}/./", "{0}/sub/.."])
def test_a_path_of_windows_is_read_however_the_root_is_written(root: Path, written: str) -> None:
    for address in ("/data/local-files/?d=sub%5Ca%20b.png", "sub\\a b.png", "\\sub\\a b.png"):
        load(address, local_files_root=written.format(root))


def test_a_path_of_windows_is_read_below_a_relative_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)
    load("/data/local-files/?d=sub%5Ca%20b.png", local_files_root=f"./{root.name}")


def test_a_path_of_windows_does_not_lead_out_of_the_root(root: Path) -> None:
    said = refusal("/data/local-files/?d=sub%5C..%5C..%5Csecret.png", local_files_root=str(root))
    assert said == "image: secret.png lies outside ANYWORD_LOCAL_FILES_ROOT"


def test_a_file_that_is_missing_is_asked_of_label_studio(root: Path, site: Site) -> None:
    site.routes["/data/local-files/"] = lambda _: (200, {}, PNG)
    load("/data/local-files/?d=elsewhere.png", local_files_root=str(root), hostname=site.url)
    site.routes.clear()
    said = refusal("/data/local-files/?d=nowhere.png", local_files_root=str(root), hostname=site.url)
    assert said.startswith("image: there is no file nowhere.png in ANYWORD_LOCAL_FILES_ROOT, and Label Studio does not")
    assert "404" in said


def test_a_replaced_file_is_fetched_again_for_who_sees_the_new_size(site: Site) -> None:
    files = iter([PNG, file_of(Picture.new("RGB", (9, 8)))])
    site.routes["/a.png"] = lambda _: (200, {}, next(files))
    with loader(hostname=site.url) as images:
        height, width, _ = images.load("/a.png").shape
        assert images.picture("/a.png", size=(height, width)).pixels.shape == (height, width, 3)
        assert images.picture("/a.png", size=(8, 9)).pixels.shape == (8, 9, 3)
        assert len(site.seen) == 2


def test_a_picture_that_was_just_fetched_is_not_fetched_again_for_a_size_that_it_never_had(site: Site) -> None:
    site.routes["/a.png"] = png
    with loader(hostname=site.url) as images:
        assert images.picture("/a.png", size=(80, 90)).pixels.shape == (5, 7, 3)
        assert len(site.seen) == 1


# Pixels

NOISE = file_of(Picture.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)))


JPEG = file_of(Picture.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)), "JPEG")


def claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""
    ihdr = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + PNG[24:29]
    return PNG[:12] + ihdr + zlib.crc32(ihdr).to_bytes(4, "big") + PNG[33:]


@pytest.mark.parametrize(("width", "height"), [(20_000, 10_000), (9_000, 9_000)])
def test_too_many_pixels_are_refused_before_they_are_decoded(width: int, height: int) -> None:
    with pytest.raises(BadImage, match="more than 80 megapixels"):
        decode(claiming(width, height), 80_000_000)


def test_a_picture_is_turned_as_its_exif_data_say() -> None:
    picture = Picture.new("RGB", (40, 30), "black")
    picture.paste("white", (0, 0, 40, 8))
    exif = Picture.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image = decode(file_of(picture, "JPEG", exif=exif, quality=95), 10_000).pixels
    assert image.shape == (40, 30, 3)
    assert image[:, -5:].min() > 200
    assert image[:, :20].max() < 60


def test_transparent_pixels_lie_on_white() -> None:
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[0, 0] = (255, 0, 0, 255)
    pixels[0, 1] = (0, 0, 0, 128)
    image = decode(file_of(Picture.fromarray(pixels)), 100).pixels
    assert image[0].tolist() == [[255, 0, 0], [127, 127, 127], [255, 255, 255]]


def grey16() -> Picture.Image:
    return Picture.fromarray(np.full((2, 2), 0x8040, np.uint16))


def palette(**options: Any) -> bytes:
    picture = Picture.new("P", (2, 2), 1)
    picture.putpalette([0, 0, 0, *COLOUR])
    return file_of(picture, **options)


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (file_of(grey16()), (128, 128, 128)),
        (file_of(Picture.new("L", (2, 2), 77)), (77, 77, 77)),
        (file_of(Picture.new("LA", (2, 2), (77, 0))), (255, 255, 255)),
        (file_of(Picture.new("1", (2, 2), 1)), (255, 255, 255)),
        (file_of(Picture.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100), (255, 0, 0)),
        (palette(), COLOUR),
        (palette(transparency=1), (255, 255, 255)),
        (file_of(Picture.new("RGB", (2, 2), COLOUR), "WEBP", lossless=True), COLOUR),
        (file_of(Picture.new("RGB", (2, 2), COLOUR), "GIF"), COLOUR),
    ],
)
def test_every_kind_of_pixel_becomes_red_green_and_blue(data: bytes, colour: tuple[int, int, int]) -> None:
    image = decode(data, 100).pixels
    assert image.dtype == np.uint8
    assert (image.shape[2], image.flags.writeable) == (3, True)
    assert np.abs(image[0, 0].astype(int) - colour).max() <= 2


@pytest.mark.parametrize("data", [b"hello", PNG[:40], NOISE[:60], JPEG[:100], b"\xff\xd8\xff\xe0" + bytes(50)])
def test_a_damaged_file_is_refused(data: bytes) -> None:
    with pytest.raises(BadImage, match="damaged"):
        decode(data, 1_000_000)


def test_the_key_is_not_shown_with_the_source() -> None:
    assert "abc" not in repr(ImageSource(api_key="abc"))


def test_the_picture_of_a_recorded_request_is_read() -> None:
    data = recorded("predict-point-data-uri")["tasks"][0]["data"]
    with loader() as loading:
        assert loading.load(data["image"]).shape == (240, 320, 3)
