"""Which of a folder's weights are loaded, by the file names of transformers and diffusers."""

from __future__ import annotations

import re
from pathlib import Path

# "model.safetensors", "diffusion_pytorch_model.fp16.safetensors", and shards in both orders that diffusers has written.
WEIGHTS = re.compile(
    r"(?:model|pytorch_model|diffusion_pytorch_model|adapter_model)(?:\.(?P<variant>\w+))?"
    r"(?:-\d+-of-\d+)?(?:\.(?P<late>\w+))?\.(?:safetensors|bin)"
)


def variant_of(folder: Path) -> str | None:
    """The variant to load: None for plain weights, else "fp16" where it is there, else the first by name."""
    found = _variants(folder)
    named = sorted(name for name in found.values() if name is not None)
    if not named or None in found.values():
        return None
    return "fp16" if "fp16" in named else named[0]


def chosen(folder: Path) -> list[Path]:
    """The weight files of that variant, by name. Pickled ones count only where there are no safetensors."""
    variant = variant_of(folder)
    files = [folder / name for name, each in sorted(_variants(folder).items()) if each == variant]
    safe = [file for file in files if file.suffix == ".safetensors"]
    return safe or files


def _variants(folder: Path) -> dict[str, str | None]:
    """The variant of each weight file by its name, None for plain weights; nothing for what is no folder here."""
    if not folder.is_dir():
        return {}
    matches = [WEIGHTS.fullmatch(file.name) for file in folder.iterdir()]
    return {match.string: match["variant"] or match["late"] for match in matches if match}
