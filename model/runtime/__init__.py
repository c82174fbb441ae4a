"""How models run: scheduler, cache, memory and devices."""
