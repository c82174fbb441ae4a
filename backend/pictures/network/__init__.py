"""Pictures over HTTP: allowed hosts, pinned addresses and redirects."""
