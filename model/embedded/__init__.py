"""The embedded models: their weights, their card, and the scenes that they know."""
