"""Masks from phrase maps, clicks and boxes: prompts, instances, selection and finish."""
