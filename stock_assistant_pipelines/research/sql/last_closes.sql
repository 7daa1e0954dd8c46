-- The last closes of stocks up to some days, adjusted: price times factor of its day. Who never traded by then has none.
select code as ts_code, day, last.trade_date, last.price
from unnest(cast(:codes as text [])) as code
cross join unnest(cast(:days as date [])) as day
cross join lateral (
    select bar.trade_date, bar.close * factor.adj_factor as price
    from daily as bar
    join adj_factor as factor on factor.ts_code = bar.ts_code and factor.trade_date = bar.trade_date
    where bar.ts_code = code and bar.trade_date <= day and bar.close > 0
        and factor.trade_date <= day and factor.adj_factor > 0
    order by bar.trade_date desc
    limit 1
) as last
