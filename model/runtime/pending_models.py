"""What stands in for the models that texts need while those load: enough for an engine that is only clicked."""

from __future__ import annotations

from typing import Never

import torch

from model.errors import Busy


def _refuse(*_: object, **__: object) -> Never:
    raise Busy("The models that texts need are still loading; try again in 10 s", retry_after=10)


class Pending:
    """A `Backbone` and a `Parser` without words and weights. Raises Busy whatever it is asked."""

    name, words, alphas = "still loading", (), torch.ones(0)
    canvas_size, max_tokens, passes_at_once = 0, 0, 1
    phrases = name_phrase = tokenize = inputs = embed = encode = attend = glance = denoise = watch = _refuse
