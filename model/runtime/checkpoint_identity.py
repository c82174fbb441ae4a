"""Which weights a checkpoint holds, told in milliseconds: a digest of its small files and of samples of the large ones.

It depends on contents alone, so that it is the same in another place, on another machine and after a restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from model.adapters.weight_files import chosen

# The folders of each model whose files are read; "" is the checkpoint's own.
FOLDERS = {
    "backbone": ("unet", "vae", "text_encoder", "tokenizer", "scheduler"),
    "segmenter": ("",),
    "proposer": ("", "text_encoder", "tokenizer"),
    "clip": ("",),
    "lora": ("",),
}
PROFILE = "anyword.json"
SMALL = (".json", ".txt")  # configurations and vocabularies
UNREAD = (".md", ".py", ".pyc", ".whl")  # beside a spaCy pipeline
WHOLE = 2**25  # bytes up to which a file is read whole  # heuristic: 30 ms
SAMPLES, SAMPLE = 64, 2**14  # heuristic: of 5 GB in 5 ms; training changes nearly every weight
DIGITS = 8


def identity(role: str, place: Path) -> str:
    """Eight hexadecimal digits for the checkpoint of a role in a folder or file; empty where it holds none.

    role: as in `EnginePaths`. Raises OSError where a file cannot be read.
    """
    files = _files(role, place)
    found = hashlib.blake2b(digest_size=DIGITS // 2)
    for file in files:
        name = file.relative_to(place).as_posix() if place.is_dir() else "file"
        found.update(f"{name}\0{file.stat().st_size}\0".encode())
        for piece in _pieces(file):
            found.update(piece)
    return found.hexdigest() if files else ""


def _files(role: str, place: Path) -> list[Path]:
    """What the models are read from, in order; other files may differ from copy to copy."""
    if not place.is_dir():
        return [place] if place.is_file() else []
    if role == "parser":
        return sorted(file for file in place.rglob("*") if file.is_file() and _is_read(file.relative_to(place)))
    folders = [place / name for name in FOLDERS[role] if (place / name).is_dir()]
    small = [file for folder in folders for file in folder.iterdir() if file.suffix in SMALL]
    profile = [place / PROFILE] if role == "backbone" else []
    weights = [file for folder in folders for file in chosen(folder)]
    return sorted(file for file in (*small, *profile, *weights) if file.is_file())


def _is_read(path: Path) -> bool:
    hidden = any(part.startswith((".", "__")) for part in path.parts)
    return not hidden and path.suffix not in UNREAD


def _pieces(file: Path) -> Iterator[bytes]:
    """All of a small file; of a large one, its beginning, its end, and as many places between them."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        if size <= WHOLE:
            yield stream.read()
            return
        for number in range(SAMPLES):
            stream.seek(number * (size - SAMPLE) // (SAMPLES - 1))
            yield stream.read(SAMPLE)
