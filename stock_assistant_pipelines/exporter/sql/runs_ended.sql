-- Runs that ended within the last day, by job and status, and how many of them within the last hour.
select
    pipeline_name as job,
    lower(status) as status,
    count(*) as last_day,
    count(*) filter (where update_timestamp > (now() at time zone 'utc') - interval '1 hour') as last_hour
from runs
where status in ('SUCCESS', 'FAILURE', 'CANCELED')
    and update_timestamp > (now() at time zone 'utc') - interval '1 day'
group by pipeline_name, status
