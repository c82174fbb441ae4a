"""The published methods, each under the name of its paper."""
