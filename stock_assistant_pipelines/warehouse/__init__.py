"""PostgreSQL: the tables built from the catalog, how rows land in them, and what is complete."""
