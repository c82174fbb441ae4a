"""Tables of figures: the papers' own, ablations, sweeps and summaries."""
