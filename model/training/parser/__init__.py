"""What the training of the parser is made of: captions and their trees."""
