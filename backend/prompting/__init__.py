"""Prompts: from what the editor sends, bit by bit, to what the engine is asked about one object."""
