"""Prompt settings from the corrections that annotators accept."""
