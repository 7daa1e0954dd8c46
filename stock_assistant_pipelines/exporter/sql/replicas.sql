-- Replicas that stream from this server, by the name that each gives itself: how far behind they are.
select
    application_name as replica,
    max(extract(epoch from coalesce(replay_lag, interval '0')))::float8 as seconds,
    max(pg_wal_lsn_diff(case when pg_is_in_recovery() then replay_lsn else pg_current_wal_lsn() end, replay_lsn))::float8 as bytes
from pg_stat_replication
where application_name not in ('pg_basebackup', 'barman_receive_wal', 'pg_receivewal')
group by 1
