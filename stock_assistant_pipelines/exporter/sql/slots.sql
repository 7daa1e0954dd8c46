-- Replication slots: whether somebody reads them, and how much WAL is kept for them.
select
    slot_name as slot,
    active::integer as active,
    coalesce(wal_status = 'lost', false)::integer as lost,
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::float8 as bytes
from pg_replication_slots
where not pg_is_in_recovery()
