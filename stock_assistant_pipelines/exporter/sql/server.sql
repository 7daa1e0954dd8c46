-- The server: whether it is a replica; how many transactions its oldest one is back; what a checkpoint was made for.
select
    pg_is_in_recovery() as replica,
    (select max(age(datfrozenxid)) from pg_database) as oldest_xid_age,
    current_setting('autovacuum_freeze_max_age')::bigint as freeze_max_age,
    case
        when pg_is_in_recovery() and pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
        when pg_is_in_recovery() then extract(epoch from now() - pg_last_xact_replay_timestamp())::float8
    end as own_lag,
    case
        when current_setting('archive_mode') = 'off' then null
        else (
            select (coalesce(last_failed_time > last_archived_time, last_failed_time is not null))::integer
            from pg_stat_archiver
        )
    end as archive_failing
