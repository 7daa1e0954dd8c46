-- Checkpoints since the statistics began, by what they were made for. From PostgreSQL 17 on.
select num_timed as timed, num_requested as requested from pg_stat_checkpointer
