-- The newest complete trading day of each dataset that has one: an index look-up each.
-- :datasets  names
select asked.dataset, newest.partition, newest.landed_at, newest.source
from unnest(:datasets) as asked (dataset)
cross join lateral (
    select coverage.partition, coverage.landed_at, coverage.source
    from coverage
    where coverage.dataset = asked.dataset and coverage.status = 'complete' and coverage.partition <> 'all'
    order by coverage.partition desc
    limit 1
) as newest
