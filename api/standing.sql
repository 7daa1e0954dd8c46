-- Where a dataset stands between two days: partitions by status, who answered, when, and which trading days never landed.
-- :first, :last  partition keys (ISO days, or 'all')      :since, :due  trading days that should be there by now
with known as materialized (
    select partition, status, source, landed_at
    from coverage
    where dataset = :dataset and partition between :first and :last
)
select
    (
        select coalesce(jsonb_object_agg(status, partitions), '{}')
        from (select status, count(*) as partitions from known group by status) as counted
    ) as statuses,
    (select array_agg(distinct source order by source) from known where source is not null) as sources,
    (select max(landed_at) from known) as landed_at,
    (
        select count(*)
        from trade_cal as open_day
        where open_day.exchange = :exchange
            and open_day.is_open = 1
            and open_day.cal_date between :since and :due
            and not exists (select from known where known.partition = open_day.cal_date::text)
    ) as not_landed,
    (select min(cal_date) from trade_cal where exchange = :exchange) as calendar_since,
    (select max(cal_date) from trade_cal where exchange = :exchange) as calendar_until
