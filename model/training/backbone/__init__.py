"""What the training of the diffusion backbone is made of."""
