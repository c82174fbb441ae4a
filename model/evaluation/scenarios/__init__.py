"""What the engine is asked for the figures: texts, clicks, photographs and maps."""
