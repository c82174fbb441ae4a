"""Corrections as examples: sampled, compared and scored."""
