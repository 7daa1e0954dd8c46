-- What became of each report that the watchlist expects of its newest day, by the newest edition of it on the evidence of now.
-- The API's health asks for less (api/parts.py): there any edition will do that can be read.
with newest as (
    select max(trade_date) as trade_date
    from research_watch
    where named_by <> :on_demand
),

made as (
    select distinct on (watch.ts_code) watch.trade_date, report.status, report.claims, report.dropped, report.id
    from research_watch as watch
    inner join newest on newest.trade_date = watch.trade_date
    left join research_report as report
        on report.trade_date = watch.trade_date
            and report.ts_code = watch.ts_code
            and report.evidence_sha256 is not distinct from watch.evidence_sha256
    order by watch.ts_code asc, report.made_at desc nulls last
)

select
    trade_date,
    coalesce(status, 'waiting') as status,
    count(*) as reports,
    coalesce(sum(claims), 0) as published,
    coalesce(sum(dropped), 0) as refused,
    array_agg(id) filter (where id is not null) as ids
from made
group by trade_date, coalesce(status, 'waiting')
