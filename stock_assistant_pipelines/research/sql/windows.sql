-- The horizons of days: the trading day at the end of each, what has not landed whole on its first and its last day, and the MD5 of
-- the revisions of all days whose prices may be taken.
-- :days      the days that are counted from
-- :horizons  how many trading days further
-- :prices    datasets of which any day in between may be taken, as of a stock that is suspended at the end
-- :index     the dataset of which the first and the last day are taken
-- :needed    datasets that have to be complete
with sessions as materialized (
    select cal_date, row_number() over (order by cal_date) as ordinal
    from trade_cal
    where exchange = 'SSE' and is_open = 1
)
select
    first.cal_date as day,
    horizon,
    last.cal_date as end_date,
    landed.made_from,
    array(
        select needed from unnest(cast(:needed as text [])) as needed
        where needed <> all(coalesce(landed.at_begin, '{}'))
        order by needed
    ) as lacking_at_begin,
    array(
        select needed from unnest(cast(:needed as text [])) as needed
        where needed <> all(coalesce(landed.at_end, '{}'))
        order by needed
    ) as lacking_at_end
from sessions as first
cross join unnest(cast(:horizons as integer [])) as horizon
left join sessions as last on last.ordinal = first.ordinal + horizon
cross join lateral (
    select
        array_agg(dataset) filter (where partition = cast(first.cal_date as text) and status = 'complete') as at_begin,
        array_agg(dataset) filter (where partition = cast(last.cal_date as text) and status = 'complete') as at_end,
        md5(string_agg(concat_ws(' ', dataset, partition, revision), ',' order by dataset, partition)) as made_from
    from coverage
    where partition between cast(first.cal_date as text) and cast(last.cal_date as text)
        and (
            dataset = any(cast(:prices as text []))
            or (dataset = :index and partition in (cast(first.cal_date as text), cast(last.cal_date as text)))
        )
) as landed
where first.cal_date = any(cast(:days as date []))
order by day, horizon
