-- How long the runs of a job took that ended well within the last two weeks, where there are some to go by.
select
    pipeline_name as job,
    percentile_cont(0.5) within group (order by end_time - start_time) as half,
    percentile_cont(0.95) within group (order by end_time - start_time) as most
from runs
where status = 'SUCCESS'
    and update_timestamp > (now() at time zone 'utc') - interval '14 days'
    and start_time is not null
    and end_time is not null
group by pipeline_name
having count(*) >= 5
