"""The model version: Label Studio predicts a task again where this string is another than that of its predictions.

So it changes with whatever changes pre-annotations: models, settings, the labels, and what was learned.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from backend import __version__
from backend.labelstudio.label_config import LabelConfig
from backend.settings import Settings
from model.runtime.checkpoint_identity import identity

ROLES = {
    "backbone": "Diffusion model",
    "segmenter": "Segmenter",
    "parser": "Parser",
    "proposer": "Proposer",
    "clip": "CLIP",
    "lora": "LoRA",
}
OPTIONAL = ("clip", "lora")  # none is embedded
EMBEDDED = f"embedded {__version__}"  # another version's may know other words
CHECKPOINT_FILES = (".pth", ".pt")
DIGEST = re.compile(r" \([0-9a-f]{8}\)(?=,|$)")


@dataclass(frozen=True, slots=True)
class VersionNaming:
    """`base`: the model version without labels and revision. `models`: what lessons have to be learned with."""

    base: str
    models: str

    def version(self, number: int, config: LabelConfig | None = None) -> str:
        """The version of a project's revision (0: nothing learned) under its labelling config, where that is known."""
        asked = "" if config is None else f"-labels-{asked_for(config)}"
        return f"{self.base}{asked}{f'-r{number}' if number else ''}"


def model_version(settings: Settings) -> str:
    """Name the models and the settings that change pre-annotations; the models need not be loaded.

    Names are followed by eight digits that tell checkpoints of one name apart. The preset for prompts is no part of it:
    no prediction is stored with it. The device is none either: replicas may have several.
    """
    default, chosen = Settings(), {role: source for role in ROLES if (source := getattr(settings, role))}
    words = [_name(source) for source in chosen.values()]
    words += [settings.preset_batch] if settings.preset_batch != default.preset_batch else []
    words += ["merged"] if settings.separate_regions != default.separate_regions else []
    words += [settings.dtype] if settings.dtype != default.dtype else []
    told = [(role, _name(source), _identity(role, source)) for role, source in chosen.items()]
    return "-".join(["anyword", __version__, *words, *([_digest(told)] if told else [])])


def lesson_models(settings: Settings) -> str:
    """The models by what they do: what was learned with others is not used with these."""
    return ", ".join(f"{ROLES[role]}: {told}" for role, told in _told(settings))


def same_models(learned: str, served: str) -> bool:
    """Whether lessons that were learned with some models are for those served; older databases hold no digests."""
    return learned in (served, DIGEST.sub("", served))


def shown_models(settings: Settings) -> dict[str, str]:
    """The models by what they do, for people; a folder by its own name, as its place is nobody else's business."""
    given = {role: getattr(settings, role) for role in ROLES}
    return {
        ROLES[role]: _name(source) if source else "embedded"
        for role, source in given.items()
        if source or role not in OPTIONAL
    }


def asked_for(config: LabelConfig) -> str:
    """A digest of what a pre-annotation looks for, in which picture, and which control its regions are for.

    Colours, keys and blanks in the XML change nothing, nor do controls that only prompts come from.
    """
    labels = [(label.value, label.names, label.background) for label in config.labels]
    mask = config.mask
    return _digest([labels, config.image, config.data_key, mask.name, mask.tag, mask.labels_name])


def _told(settings: Settings) -> Iterator[tuple[str, str]]:
    for role in ROLES:
        source = getattr(settings, role)
        if source:
            yield role, f"{_name(source)} ({_digest(_identity(role, source))})"
        elif role not in OPTIONAL:
            yield role, EMBEDDED


def _name(source: str) -> str:
    """A folder's own name, with its dots, or a file's or a hub name's without what goes before or behind it."""
    path = Path(source)
    name = path.name or path.resolve().name
    return path.stem if path.suffix in CHECKPOINT_FILES else name


def _identity(role: str, source: str) -> str:
    """What tells a checkpoint from others of its name: its contents, a package's version, or a whole hub name."""
    place = Path(source)
    if place.exists():
        try:
            return identity(role, place)
        except OSError:  # the models do not load either, which says why
            return ""
    try:
        return version(source) if role == "parser" else source
    except (PackageNotFoundError, ValueError):
        return source


def _digest(told: object) -> str:
    """Eight hexadecimal digits for a value that JSON can hold."""
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=4).hexdigest()
