"""The Label Studio side of Anyword: HTTP in, labelled regions out."""

__version__ = "0.1.0"
