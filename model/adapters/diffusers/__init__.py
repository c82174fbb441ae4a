"""Diffusion models: attention maps and text embeddings, through diffusers."""
