"""Where a phrase is in a picture: features, phrase maps and places."""
