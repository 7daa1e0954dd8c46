-- The last tick that is over of each schedule and sensor, where it is of the last two days; one look into the index for each.
select
    lower(state.instigator_type) as kind,
    tick.tick_body::json ->> 'job_name' as name,
    lower(tick.status) as status,
    extract(epoch from tick."timestamp")::float8 as ticked_at
from instigators as state
cross join lateral (
    select job_ticks.status, job_ticks."timestamp", job_ticks.tick_body
    from job_ticks
    where job_ticks.selector_id = state.selector_id
        and job_ticks.status <> 'STARTED'
        and job_ticks."timestamp" > (now() at time zone 'utc') - interval '2 days'
    order by job_ticks."timestamp" desc
    limit 1
) as tick
where state.status <> 'STOPPED'
