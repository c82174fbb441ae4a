"""What a file is by its first bytes, and small damages that browsers overlook."""

from __future__ import annotations

import re
from dataclasses import dataclass

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"
TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # say nothing about pixels; Pillow refuses more than 1 MB of text

# By the bytes at an offset. Formats that are decoded (decoding.py) are not listed.
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"qoif", "QOI"),
    (128, b"DICM", "DICOM"),
    (0, b"PK\x03\x04", "an archive (ZIP)"),
    (0, b"\x1f\x8b", "an archive (gzip)"),
    (0, b"\x1a\x45\xdf\xa3", "a video (Matroska)"),
)
# The brand of an ISO media file (ISO/IEC 14496-12); those of AVIF are decoded.
HEIF_BRANDS = ("heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1")
AVIF_BRANDS = ("avif", "avis")
BEGINNING = 1024  # bytes in which a text says what it is
TAG = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<!?\s*([a-z]+)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Repair:
    """A file that decodes, and in words for an annotator what was overlooked."""

    data: bytes
    note: str


def unserved(data: bytes) -> str:
    """The name of a format that is not decoded here; empty where the bytes do not tell."""
    for at, signature, name in SIGNATURES:
        if data.startswith(signature, at):
            return name
    return _media(data) or _markup(data[:BEGINNING])


def _media(data: bytes) -> str:
    if data[4:8] != b"ftyp":
        return ""
    brands = re.findall("....", data[8 : min(int.from_bytes(data[:4], "big"), 256)].decode("latin-1"), re.DOTALL)
    if any(brand in AVIF_BRANDS for brand in brands):
        return ""
    return "HEIC" if any(brand in HEIF_BRANDS for brand in brands) else "a video (MP4)"


def _markup(beginning: bytes) -> str:
    text = beginning.removeprefix(b"\xef\xbb\xbf")
    tag = TAG.match(text)
    name = tag[1].lower() if tag else b""
    if name == b"svg" or (name == b"doctype" and b"svg" in text.lower()):
        return "SVG"
    if name in (b"html", b"doctype", b"head", b"body", b"script"):
        return "HTML"
    return "XML" if name else "JSON" if text.lstrip()[:1] in (b"{", b"[") else ""


def repaired(data: bytes) -> Repair | None:
    """What browsers overlook, mended: a JPEG without its end, a PNG with texts too long to read. None for the rest."""
    if data.startswith(JPEG):
        return Repair(data + JPEG_END, "the picture's file ends too early: its lower part may be missing")
    if data.startswith(PNG) and (shorter := _without_texts(data)) != data:
        left_out = (len(data) - len(shorter)) // 1000
        return Repair(shorter, f"{left_out} kB of texts in the picture's file were left out")
    return None


def _without_texts(data: bytes) -> bytes:
    """A PNG without its chunks of text and profiles (PNG specification, section 5.3: length, type, data, checksum)."""
    kept, at = [PNG], len(PNG)
    while at + 8 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] not in TEXT_CHUNKS:
            kept.append(data[at:end])
        at = end
    return b"".join(kept)
