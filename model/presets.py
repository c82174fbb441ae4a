"""Named ways to answer a text: which of the four methods take part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.config import EngineConfig, overridden
from model.errors import BadQuery

PRESETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "fast": {},  # iSeg
    "balanced": {"inversion": {"objective": "clustering", "steps": 5, "rate": 0.01}},  # InvSeg, then iSeg
    "accurate": {  # Segment Anyword with its rules of syntax, iSeg, PMP's proposals
        "inversion": {"objective": "denoising", "steps": 8},
        "syntax": {"prompts": "both"},
        "proposals": {"join": True, "least": 0.6, "most": 2},
        "attention": {"draws": 2},
        "selection": {
            "agreement": 0.5,  # proposals are sure of themselves: the refined map has to decide
            "templates": ("a {}", "{}", "the {} and background"),
        },
    },
}


def under(config: EngineConfig, preset: str) -> EngineConfig:
    """A configuration as a preset changes it. Raises BadQuery for a name that is not there."""
    if preset not in PRESETS:
        raise BadQuery(f"no preset '{preset}': use one of {', '.join(PRESETS)}")
    presence = config.presences.get(preset, config.selection.presence)
    return overridden(overridden(config, PRESETS[preset]), {"selection": {"presence": presence}})
