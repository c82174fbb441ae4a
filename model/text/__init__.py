"""What people write, and what the parser and the text encoder read of it."""
