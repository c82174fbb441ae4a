"""What annotators did, as Label Studio tells it: webhook events and its API, read into corrections."""
