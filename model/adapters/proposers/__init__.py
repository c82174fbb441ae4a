"""Models that propose masks without a prompt, and the names that their masks get."""
