-- Take the permit of an interface that is free soonest, when that is within the horizon and nothing speaks against it.
-- One row tells how many seconds to wait before the call; or, where `wait` is null, what is waited for. No row: no ring.
-- The row of `quota` is locked first, so that takers of one interface come one after the other and count exactly.
with moment as materialized (
    select clock_timestamp() as now
),
ring as materialized (
    select
        moment.now,
        (moment.now at time zone 'Asia/Shanghai')::date as today,
        case when quota.day = (moment.now at time zone 'Asia/Shanghai')::date then quota.calls else 0 end as calls,
        quota.paused_until,
        quota.paused_window,
        quota.urgent_until,
        coalesce(quota.paused_until > moment.now, false) as paused,
        coalesce(quota.urgent_until > moment.now, false) and not %(urgent)s as held
    from quota, moment
    where quota.account = %(account)s and quota.api = %(api)s
    for no key update of quota
),
soonest as materialized (
    select permit.slot, greatest(permit.free_at, ring.now) as start
    from permit, ring
    where permit.account = %(account)s and permit.api = %(api)s and permit.slot < %(slots)s
      and (permit.lease is null or permit.free_at <= ring.now)
      and permit.free_at <= ring.now + make_interval(secs => %(horizon)s)
      and not ring.paused and not ring.held
      and (%(per_day)s::integer is null or ring.calls < %(per_day)s::integer)
    order by permit.free_at
    limit 1
    for no key update of permit skip locked
),
taken as (
    update permit
    set free_at = greatest(soonest.start, clock_timestamp()) + make_interval(secs => %(hold)s), lease = %(lease)s
    from soonest
    where permit.account = %(account)s and permit.api = %(api)s and permit.slot = soonest.slot
    returning permit.slot, soonest.start
),
standing as materialized (
    select
        ring.*,
        taken.slot,
        taken.start,
        case when taken.slot is null then (
            select least(min(permit.free_at), ring.now + make_interval(secs => %(span)s))
            from permit
            where permit.account = %(account)s and permit.api = %(api)s and permit.slot < %(slots)s
        ) end as free_at
    from ring left join taken on true
),
noted as (
    update quota
    set day = standing.today,
        calls = standing.calls + (standing.slot is not null)::integer,
        urgent_until = case
            when %(urgent)s and not standing.paused
            then greatest(quota.urgent_until, standing.start, standing.free_at)
            else quota.urgent_until
        end
    from standing
    where quota.account = %(account)s and quota.api = %(api)s and (standing.slot is not null or %(urgent)s)
)
select
    slot,
    extract(epoch from start - now)::float8 as wait,
    case when paused then paused_until end as paused_until,
    case when paused then extract(epoch from paused_until - now)::float8 end as pause,
    paused_window,
    case when held then extract(epoch from urgent_until - now)::float8 end as held,
    extract(epoch from free_at - now)::float8 as full,
    calls
from standing
