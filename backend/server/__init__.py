"""The server: app, routes, events and gunicorn."""
