"""Segment Anyword: textual inversion, and points by syntax."""
