"""The page for people at `/`: what was asked and answered lately, what went wrong, and what to do about it."""
