"""What to look for in every picture of a project: what its labels name, or what the operator typed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.labelstudio import label_config
from backend.labelstudio.label_config import Label, LabelConfig
from model.errors import Misconfigured

TYPED = "prompt"  # the text area that typed texts are said to come from


@dataclass(frozen=True, slots=True)
class BulkQuestion:
    """What each task is asked: a labelling config, and a typed text; an empty one asks for whatever the labels name.

    project: the labelling config as the project has it, which names the model version. `narrowed` says in what the
    question differs from an ordinary pre-annotation; empty where it is one.
    """

    project: LabelConfig
    config: LabelConfig
    text: str = ""
    narrowed: str = ""

    @property
    def context(self) -> Mapping[str, Any]:
        """The prompt as Label Studio would send it."""
        area = {"id": "bulk", "from_name": TYPED, "type": "textarea", "value": {"text": [self.text]}}
        return {"result": [area]} if self.text else {}

    def version(self, base: str) -> str:
        """The model version of predictions: another question has another one, or tasks would seem to be done."""
        return f"{base}-asked-{hashlib.sha256(self.narrowed.encode()).hexdigest()[:8]}" if self.narrowed else base

    def asked(self, task: Mapping[str, Any]) -> Mapping[str, Any]:
        """The task as it is asked: for a typed text without annotations, which may hold prompts of their own."""
        return {"id": task["id"], "data": task["data"]} if self.text else task


def read(xml: str, labels: Sequence[str], texts: Sequence[str]) -> BulkQuestion:
    """Read what is wanted. Labels and texts go in pairs; labels alone are looked for by name, texts alone as typed.

    Raises Misconfigured for a labelling config that cannot be served, for an unknown label, for an empty text, and for
    lists that do not go in pairs.
    """
    config = label_config.read(xml)
    if labels and texts and len(labels) != len(texts):
        raise Misconfigured(
            f"{len(labels)} --label and {len(texts)} --text: give a text for each label, or only one kind"
        )
    if any(not text.strip() for text in texts):
        raise Misconfigured("--text is empty: say what to look for")
    chosen = tuple(_label(name, config) for name in labels)
    if not texts:
        narrowed = "; ".join(label.value for label in chosen)
        return BulkQuestion(config, replace(config, labels=chosen or config.labels), narrowed=narrowed)
    pairs = [f"{label.names[0]}: {text}" for label, text in zip(chosen, texts, strict=bool(chosen))]
    said = "; ".join(pairs or texts)
    return BulkQuestion(config, replace(config, prompt=TYPED, region_prompt=None, status=None), said, narrowed=said)


def _label(name: str, config: LabelConfig) -> Label:
    label = config.label_called(name)
    if label is None:
        known = ", ".join(one.names[0] for one in config.labels) or "none"
        raise Misconfigured(f"--label {name}: the project has no such label; its labels: {known}")
    return label
