"""What the training of the proposer is made of."""
