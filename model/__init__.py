"""Words and pictures in, masks out; no Label Studio, no HTTP."""
