"""`python -m backend doctor`: what stands between an annotator and a mask, and what to do about it."""
