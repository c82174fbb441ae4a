"""Webhook events and syncs of a project, read into what annotators did."""
