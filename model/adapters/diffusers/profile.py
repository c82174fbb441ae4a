"""What was measured about a backbone checkpoint, in `anyword.json` beside its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from model.adapters.hub import folder_of
from model.errors import Misconfigured

FILE_NAME = "anyword.json"


@dataclass(frozen=True, slots=True)
class Profile:
    """Measured on scenes by `python -m model.evaluation profile`.

    head_weights: weight of each head of the self-attention layer that is read, by its coherence; empty: all alike.
    decoder_only: read cross-attention in the decoder alone, where a checkpoint was grounded there.
    constants: changes to `EngineConfig` by section and name, such as {"selection": {"presence": 0.2}}.
    presences: `selection.presence` under presets that read evidence otherwise, by the preset's name.
    """

    head_weights: tuple[float, ...] = ()
    decoder_only: bool = False
    constants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    presences: Mapping[str, float] = field(default_factory=dict)


def find(source: str) -> Profile:
    """The profile of a checkpoint, a folder or a hub name, whose weights may still have to come.

    Raises Misconfigured where there is no such checkpoint, and where the file is not a profile.
    """
    return read(folder_of(source, [FILE_NAME]))


def read(folder: Path) -> Profile:
    """Read a checkpoint's profile; the plain one where the checkpoint has none.

    Raises Misconfigured where the file is not a profile.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return Profile()
    try:
        values: dict[str, Any] = json.loads(path.read_text())
        weights = tuple(float(weight) for weight in values["head_weights"])
        presences = {str(name): float(presence) for name, presence in values.get("presences", {}).items()}
        return Profile(weights, bool(values["decoder_only"]), dict(values["constants"]), presences)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Misconfigured(f"{path} is not a profile ({error!r}): measure it anew, or delete it") from error


def write(folder: Path, profile: Profile) -> None:
    """Write a profile beside a checkpoint's weights."""
    (folder / FILE_NAME).write_text(json.dumps(asdict(profile), indent=1) + "\n")
