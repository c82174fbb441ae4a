"""Third-party models behind the protocols, one folder for each family."""
