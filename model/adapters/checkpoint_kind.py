"""What kind of model a transformers checkpoint holds, before its weights are read."""

from __future__ import annotations

from transformers import PreTrainedConfig

from model.errors import Misconfigured


def kind_of(source: str, wanted: str, advice: str) -> str:
    """The `model_type` in the config.json of a folder or a hub name.

    Raises Misconfigured, naming what was `wanted` and with `advice`, where there is no checkpoint.
    """
    try:
        return str(PreTrainedConfig.get_config_dict(source)[0].get("model_type", "something unknown"))
    except OSError as error:
        raise Misconfigured(f"No {wanted} at '{source}': {advice} ({str(error).partition(chr(10))[0]})") from error
