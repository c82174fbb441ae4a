"""Quality figures: datasets, scenarios, tables and the report."""
