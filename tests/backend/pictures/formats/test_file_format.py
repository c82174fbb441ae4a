"""Formats that are not served are named by the file's first bytes."""

from __future__ import annotations

import re

import pytest
from PIL import Image as Picture

from backend.pictures.decoding import decode
from backend.pictures.formats.file_format import unserved
from model.errors import BadImage
from tests.backend.site import PNG, file_of

SVG = b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>'
PAGE = b'<!DOCTYPE html><html><head><link rel="icon" href="/mark.svg"></head>'


def saved(kind: str, side: int = 16) -> bytes:
    return file_of(Picture.new("RGB", (side, side)), kind)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (saved("TIFF"), "TIFF"),
        (saved("JPEG2000"), "JPEG 2000"),
        (saved("ICO"), "an icon (ICO)"),
        (saved("PDF"), "PDF"),
        (saved("EPS"), "PostScript"),
        (saved("PPM"), "Netpbm (PBM, PGM, PPM)"),
        (saved("DDS"), "DDS"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "a video (MP4)"),
        (b"RIFF\x10\0\0\0AVI LIST", "a video (AVI)"),
        (b"8BPS\0\1", "Photoshop"),
        (SVG, "SVG"),
        (SVG.partition(b"\n")[2], "SVG"),
        (b"<!--" + b" made by a drawing program" * 100 + b"-->" + SVG.partition(b"\n")[2], "SVG"),
        (b'\xef\xbb\xbf<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd"><svg/>', "SVG"),
        (SVG.decode().encode("utf-16"), "SVG"),
        (bytes(128) + b"DICM", "DICOM"),
    ],
)
def test_a_format_that_is_not_served_is_named(data: bytes, name: str) -> None:
    with pytest.raises(BadImage, match=f"the file is {re.escape(name)}, a format that is not served"):
        decode(data, 1_000_000)


@pytest.mark.parametrize("page", [PAGE, b"\n<html lang='en'>", b"<HEAD><title>", b"<!-- a --><!-- b --><h1>Sorry</h1>"])
def test_a_page_is_named_as_such_with_what_it_mostly_is(page: bytes) -> None:
    with pytest.raises(BadImage, match="leads to a page in HTML, not to a picture: mostly to a login page"):
        decode(page, 1_000_000)


@pytest.mark.parametrize(("data", "said"), [(b' {"detail": "no"}', "a JSON document"), (b"<Error>", "an XML document")])
def test_a_document_is_named_as_such(data: bytes, said: str) -> None:
    with pytest.raises(BadImage, match=said):
        decode(data, 1_000_000)


def test_an_empty_file_is_named_as_such() -> None:
    with pytest.raises(BadImage, match="the file is empty"):
        decode(b"", 1_000_000)


def test_avif_is_served_though_its_file_is_of_heics_family() -> None:
    decode(saved("AVIF"), 1_000_000)


def test_what_stands_later_in_a_file_that_is_served_is_no_signature() -> None:
    assert unserved(PNG[:128].ljust(128, b"\0") + b"DICM") == ""


def test_a_text_of_many_comments_is_read_once() -> None:
    """A pattern that may read each comment in two ways would try them all together."""
    assert unserved(b"<!---->" * 2_000 + b"?") == ""
