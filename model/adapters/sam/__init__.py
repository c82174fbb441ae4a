"""Segment Anything, through transformers."""
