-- Backfills that are not over, and when the first of them was asked for.
select count(*) as backfills, extract(epoch from min("timestamp"))::float8 as asked_at
from bulk_actions
where status in ('REQUESTED', 'CANCELING', 'FAILING')
