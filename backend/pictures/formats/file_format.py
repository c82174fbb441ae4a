"""What a file is by its first bytes, where it is nothing that is decoded (decoding.py)."""

from __future__ import annotations

import re

# By the bytes at an offset.
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"II\xbc", "JPEG XR"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"8BPS", "Photoshop"),
    (0, b"gimp xcf", "GIMP"),
    (0, b"\0\0\1\0", "an icon (ICO)"),
    (0, b"\0\0\2\0", "a cursor (CUR)"),
    (0, b"icns", "an icon (ICNS)"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"DDS ", "DDS"),
    (0, b"qoif", "QOI"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"\x93NUMPY", "NumPy"),
    (0, b"\x89HDF\r\n", "HDF5"),
    (128, b"DICM", "DICOM"),
    (344, b"n+1\0", "NIfTI"),
    (0, b"PK\x03\x04", "an archive (ZIP)"),
    (0, b"\x1f\x8b", "an archive (gzip)"),
    (0, b"7z\xbc\xaf\x27\x1c", "an archive (7z)"),
    (0, b"Rar!", "an archive (RAR)"),
    (257, b"ustar", "an archive (tar)"),
    (0, b"\x1a\x45\xdf\xa3", "a video (Matroska)"),
)
DECODED = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")  # what comes later in these is no signature
RIFF = {b"AVI ": "a video (AVI)", b"WAVE": "a sound (WAV)"}
# The brand of an ISO media file (ISO/IEC 14496-12); those of AVIF are decoded.
HEIF_BRANDS = ("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "heif", "mif1", "mif2", "msf1")
AVIF_BRANDS = ("avif", "avis")
NETPBM = re.compile(rb"P[1-7][\s#]")
BEGINNING = 1 << 14  # bytes in which a text says what it is: drawing programs write long comments first
SKIPPED = ((b"<?", b"?>"), (b"<!--", b"-->"))
TAG = re.compile(rb"<(?:!doctype\s+)?([a-z]+)", re.IGNORECASE)
HTML = (b"html", b"head", b"body", b"script", b"style", b"title", b"meta", b"link", b"div", b"p", b"h", b"a", b"center")


def unserved(data: bytes) -> str:
    """The name of a format that is not decoded here, or "nothing"; empty where the bytes do not tell."""
    if data.startswith(DECODED):
        return ""
    for at, signature, name in SIGNATURES:
        if data.startswith(signature, at):
            return name
    if NETPBM.match(data):
        return "Netpbm (PBM, PGM, PPM)"
    if data.startswith(b"RIFF"):
        return RIFF.get(data[8:12], "")
    return _media(data) or _text(data[:BEGINNING])


def _media(data: bytes) -> str:
    if data[4:8] != b"ftyp":
        return ""
    brands = re.findall("....", data[8 : min(int.from_bytes(data[:4], "big"), 256)].decode("latin-1"), re.DOTALL)
    if any(brand in AVIF_BRANDS for brand in brands):
        return ""
    return "HEIC" if any(brand in HEIF_BRANDS for brand in brands) else "a video (MP4)"


def _text(beginning: bytes) -> str:
    """What a text is, by its first tag behind comments."""
    text = _decoded(beginning).lstrip()
    if not text:
        return "" if beginning else "nothing"
    while skipped := next((end for start, end in SKIPPED if text.startswith(start)), None):
        _, found, text = text.partition(skipped)
        text = text.lstrip()
        if not found:
            return "XML"
    tag = TAG.match(text)
    if tag is None:
        return "JSON" if text[:1] in (b"{", b"[") else ""
    name = tag[1].lower()
    return "SVG" if name == b"svg" else "HTML" if name in HTML else "XML"


def _decoded(text: bytes) -> bytes:
    """A text in ASCII or UTF-8, without its byte order mark."""
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        return text.decode("utf-16", "replace").encode()
    return text.removeprefix(b"\xef\xbb\xbf")
