"""How the embedded models are trained: not imported at run time, and not in the wheel."""
