"""How SQLite and PostgreSQL are reached: files, locks, clocks and failures."""
