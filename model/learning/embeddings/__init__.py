"""Text embeddings fitted to accepted masks."""
