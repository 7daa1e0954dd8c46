-- Runs that are not over, by job and status; when the first was queued, and when the first of those that run began.
select
    pipeline_name as job,
    lower(status) as status,
    count(*) as runs,
    extract(epoch from min(create_timestamp))::float8 as queued_at,
    min(start_time) as began_at
from runs
where status in ('QUEUED', 'NOT_STARTED', 'STARTING', 'STARTED', 'CANCELING')
group by pipeline_name, status
