"""How threads of torch wait for each other. Both are read when torch is loaded."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

# How often one looks again before it sleeps, some 15 microseconds in all. To be woken for each of a text's thousand
# operations takes longer than many of them; to look for long makes a machine whose cores others want, too, thirty times
# slower. Ours, measured (docs/performance.md, "Sixty-four tasks").
TURNS = "1000"


def wait_briefly(environ: MutableMapping[str, str] = os.environ) -> None:
    """Have them sleep soon, unless the operator says otherwise."""
    environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    environ.setdefault("GOMP_SPINCOUNT", TURNS)
