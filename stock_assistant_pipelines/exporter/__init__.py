"""The exporter: what Prometheus is told of Dagster, landing, research, alerts, PostgreSQL and backups.

The API tells of requests and of how the data stands; here is what it cannot see. Every part is read by itself, so that one
that fails takes no other with it. It only reads.
"""
