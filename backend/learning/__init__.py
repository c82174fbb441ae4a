"""When a project learns, from which corrections, and how what it learned reaches its predictions."""
