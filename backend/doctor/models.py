"""The models' files: whether they are there and whole, and their SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError, safe_open

import model
from backend.doctor.finding import Diagnosis
from backend.settings import Settings
from model.errors import Misconfigured

EMBEDDED = Path(model.__file__).parent / "embedded" / "weights"
ROLES = ("backbone", "segmenter", "parser", "proposer", "clip", "lora")
FOLDERS = ("parser", "lora")  # they do not come from the hub
OPTIONAL = ("clip", "lora")  # there are none among the embedded models
WEIGHTS = ("*.safetensors", "*pytorch_model*.bin", "*.pth", "*.pt", "model")  # the last is what spaCy calls its own
MAGIC = b"version https://git-lfs"
SHOWN = 12  # characters of a SHA-256
COPY = "Copy or download the model again; the embedded ones come with the repository (`git checkout model/embedded`)."


def examine(settings: Settings) -> Iterator[Diagnosis]:
    """One finding for each model that the settings name."""
    for role in ROLES:
        name = getattr(settings, role)
        if name or role not in OPTIONAL:
            found = _examined(role, name)
            yield _loaded(found, role, settings) if name and found.status == "ok" else found


def size(settings: Settings) -> Mapping[str, int]:
    """Bytes of each model's weights, as far as they are on this machine."""
    places = {role: _place(role, getattr(settings, role)) for role in ROLES}
    return {role: sum(file.stat().st_size for file in _files(place)) for role, place in places.items() if place}


def _examined(role: str, name: str) -> Diagnosis:
    title, place = f"model {role}", _place(role, name)
    shown = name or "embedded"
    if place is None:
        return _absent(title, role, name)
    files = _files(place)
    if not files:
        return Diagnosis(title, "problem", f"{shown} holds no weights", COPY)
    broken = [file.name for file in files if not _whole(file)]
    if broken:
        return Diagnosis(title, "problem", f"{shown}: {', '.join(broken)} is not whole", COPY)
    sums = ", ".join(f"{_relative(file, place)} {sha256(file)}" for file in files)
    return Diagnosis(title, "ok", f"{shown}, SHA-256 {sums}")


def _loaded(found: Diagnosis, role: str, settings: Settings) -> Diagnosis:
    """The finding, or the reason why a model that is whole cannot be used; the embedded ones are known to fit."""
    from model.loading import EnginePaths, check  # torch comes with it

    named = {each: getattr(settings, each) for each in ROLES}
    here = {each: name if each == "parser" else str(_place(each, name) or name) for each, name in named.items() if name}
    if role == "lora" and _place("backbone", settings.backbone) is None:  # what it has to fit is not here
        return found
    try:
        check(role, EnginePaths(**here))
    except Misconfigured as error:
        what, _, remedy = str(error).rpartition("; ")
        return Diagnosis(
            found.name, "problem", what or remedy, f"{remedy[:1].upper()}{remedy[1:].rstrip('.')}." if what else COPY
        )
    return found


def _absent(title: str, role: str, name: str) -> Diagnosis:
    variable = f"ANYWORD_{role.upper()}"
    if not name:
        return Diagnosis(title, "problem", "the embedded model is missing", COPY)
    if role in FOLDERS or name.count("/") != 1 or name.startswith((".", "/", "~")):
        return Diagnosis(
            title, "problem", f"{name} is not on this machine", f"Correct {variable}, or install the model."
        )
    remedy = f"It is downloaded at the first start; where the machine is offline, put a folder into {variable}."
    return Diagnosis(title, "warning", f"{name} is not on this machine", remedy)


def _place(role: str, name: str) -> Path | None:
    """The file or folder of a model: its own, the embedded one, a package's, or that of the hub's cache."""
    if not name:
        place = EMBEDDED / role
        return place if place.is_dir() else None
    if Path(name).exists():
        return Path(name)
    if role == "parser":
        package = find_spec(name) if name.isidentifier() else None
        return Path(package.origin).parent if package and package.origin else None
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):  # the cache has no other way to say no
        return None


def _files(place: Path) -> list[Path]:
    """The weights, in order."""
    if place.is_file():
        return [place]
    return sorted(file for pattern in WEIGHTS for file in place.rglob(pattern) if file.is_file())


def _whole(file: Path) -> bool:
    """Whether a file can be what it is named: neither empty, nor a pointer of git LFS, nor cut off."""
    with file.open("rb") as stream:
        head = stream.read(len(MAGIC))
    if head in (b"", MAGIC):
        return False
    if file.suffix != ".safetensors":
        return True
    try:
        with safe_open(file, framework="numpy"):
            return True
    except SafetensorError:
        return False


def sha256(file: Path) -> str:
    """The first digits of the SHA-256 of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:SHOWN]


def _relative(file: Path, place: Path) -> str:
    return file.relative_to(place).as_posix() if place.is_dir() else file.name
