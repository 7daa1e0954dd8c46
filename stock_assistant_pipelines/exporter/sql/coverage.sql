-- What is not settled, by dataset and cause; and what was tried within the last day, by dataset and status. One pass.
select
    dataset,
    status,
    coalesce(cause, status) as cause,
    count(*) as partitions,
    coalesce(sum(missing), 0) as missing,
    count(*) filter (where landed_at > now() - interval '1 day') as tried,
    coalesce(sum(calls) filter (where landed_at > now() - interval '1 day'), 0) as calls
from coverage
group by dataset, status, coalesce(cause, status)
