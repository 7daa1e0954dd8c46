-- Where a dataset stands between two days: partitions by status and who answered, when, and how many trading days never landed.
-- :first, :last  partition keys (ISO days, or 'all')      :since, :due  trading days that should be there by now
with counted as (
    select status, source, count(*) as partitions, max(landed_at) as landed_at
    from coverage
    where dataset = :dataset and partition between :first and :last
    group by status, source
)
select
    coalesce(array_agg(status), '{}') as statuses,
    coalesce(array_agg(source), '{}') as sources,
    coalesce(array_agg(partitions), '{}') as partitions,
    max(landed_at) as landed_at,
    (
        select count(*)
        from trade_cal as open_day
        where open_day.exchange = :exchange
            and open_day.is_open = 1
            and open_day.cal_date between :since and :due
            and not exists (
                select from coverage
                where coverage.dataset = :dataset and coverage.partition = open_day.cal_date::text
                    and coverage.partition between :first and :last
            )
    ) as not_landed,
    (select min(cal_date) from trade_cal where exchange = :exchange) as calendar_since,
    (select max(cal_date) from trade_cal where exchange = :exchange) as calendar_until
from counted
