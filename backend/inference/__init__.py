"""Predictions: from a request to labelled masks."""
