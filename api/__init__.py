"""The read API: what has landed, served as it is stored. It starts without Dagster, pandas and the Tushare SDK."""
