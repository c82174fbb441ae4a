"""The one database: what annotators did, and the revisions that were learned from it."""
