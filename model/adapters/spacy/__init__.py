"""The parser of prompts: phrases, nouns and places, through spaCy."""
