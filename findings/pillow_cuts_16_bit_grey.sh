#!/bin/sh
# Pillow 13.0.0: a 16-bit grey PNG converted to RGB is cut off at 255, not scaled.
#
# Expected from the mode's name and from other readers: the high byte, as browsers show it (level 300 -> 1).
# Seen: every level from 255 on is white (300 -> 255). A 16-bit colour PNG does give the high byte (300 -> 1).
# Ours: 16-bit pictures are brought to 8 bits by the product itself (sixteen_bits.py, with tests).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.2.6
"$folder/venv/bin/python" - <<'PY'
import io
import struct
import zlib

import numpy as np
from PIL import Image

print("Pillow", Image.__version__)
grey = io.BytesIO()
Image.fromarray(np.full((2, 2), 300, np.uint16)).save(grey, "PNG")
read = Image.open(io.BytesIO(grey.getvalue()))
value = read.convert("RGB").getpixel((0, 0))
print("16-bit grey, level 300:", read.mode, "->", value)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


rows = b"".join(b"\0" + struct.pack(">3H", 300, 300, 300) * 2 for _ in range(2))
head = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
colour = Image.open(io.BytesIO(png)).convert("RGB").getpixel((0, 0))
print("16-bit colour, level 300:", colour)
assert value == (255, 255, 255), "grey is no longer cut off"
assert colour == (1, 1, 1), "colour no longer gives the high byte"
PY
