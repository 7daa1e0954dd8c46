"""What Dagster knows of the research: `assets` of a day, what is `shown` of it, what `waits`, the `clock`, and `on_demand`."""
