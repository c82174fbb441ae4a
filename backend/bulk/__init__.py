"""Pre-annotation of whole projects from the command line."""
