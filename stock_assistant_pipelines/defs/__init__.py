"""What Dagster knows: assets, partitions, checks and schedules, all built from the catalog. Nothing else imports Dagster."""
