-- Stocks, and the name that each bore on a day: the one that began last by then.
select
    stock.ts_code,
    stock.name as name_now,
    stock.industry,
    stock.market,
    stock.list_date,
    stock.delist_date,
    borne.name,
    borne.start_date
from stock_basic as stock
left join lateral (
    select past.name, past.start_date
    from namechange as past
    where past.ts_code = stock.ts_code and past.start_date <= :day
    order by past.start_date desc, past.ann_date desc nulls last, past.name
    limit 1
) as borne on true
where stock.ts_code = any(:codes)
