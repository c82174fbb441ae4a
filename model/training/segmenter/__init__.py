"""What the training of the segmenter is made of."""
