"""Picture files: which format one is, how it is turned, and how a damaged one is mended."""
