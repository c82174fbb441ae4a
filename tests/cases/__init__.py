"""Requests that failed for people who do this job, each judged by a predicate."""
