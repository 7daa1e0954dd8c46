-- C07. A reference price that is not the close of the stock's last traded day times what the factor changed by: within a tick,
-- and where the factor changed within what its four decimals can tell. A day that holds the rows of another breaks it for nearly
-- every stock; so does the first true day after a chain of such days.
--
-- Most stocks traded on the trading day before. Of the others the last bar is looked up, and believed to be the last when every
-- trading day since is complete. Where that cannot be told `expected` is null; a day of listing is left out, since there is
-- nothing before it.
with sessions as (
    select cal_date as day, lag(cal_date) over (order by cal_date) as eve,
        max(cal_date) filter (where coverage.partition is null)
            over (order by cal_date rows between unbounded preceding and 1 preceding) as gap
    from trade_cal
    left join coverage on dataset = 'daily' and partition = cal_date::text and status = 'complete'
    where is_open = 1
),
bars as (
    select bar.trade_date, bar.ts_code, bar.pre_close, factor.adj_factor,
        lag(bar.trade_date) over earlier as last_day,
        lag(bar.close) over earlier as last_close,
        lag(factor.adj_factor) over earlier as last_factor
    from daily as bar
    left join adj_factor as factor
        on factor.trade_date = bar.trade_date and factor.ts_code = bar.ts_code and factor.trade_date = any(:window)
    where bar.trade_date = any(:window)
    window earlier as (partition by bar.ts_code order by bar.trade_date)
),
pairs as (
    select bars.trade_date, bars.ts_code, bars.pre_close, bars.adj_factor,
        coalesce(found.day, bars.last_day) as last_day,
        case when bars.last_day = sessions.eve then bars.last_close else found.close end as last_close,
        case when bars.last_day = sessions.eve then bars.last_factor else found.factor end as last_factor,
        bars.last_day is distinct from sessions.eve as looked_up
    from bars
    join sessions on sessions.day = bars.trade_date
    left join lateral (
        select last.trade_date as day, last.close, (
            select factor.adj_factor from adj_factor as factor
            where factor.trade_date = last.trade_date and factor.ts_code = last.ts_code
        ) as factor
        from (
            select trade_date, ts_code, close from daily
            where bars.last_day is distinct from sessions.eve and ts_code = bars.ts_code and trade_date < bars.trade_date
            order by trade_date desc
            limit 1
        ) as last
        where sessions.gap is null or last.trade_date > sessions.gap
    ) as found on true
    where bars.trade_date = any(:days)
),
compared as (
    select *,
        case when last_factor = adj_factor then last_close else last_close * last_factor / nullif(adj_factor, 0) end as reference,
        case when last_factor = adj_factor then 0.01
            else 0.01 + last_close * (0.00005 / nullif(adj_factor, 0)) * (1 + last_factor / nullif(adj_factor, 0))
        end as tolerance
    from pairs
)
select trade_date, ts_code as subject, pre_close::text as told,
    round(reference, 4) || ' = ' || last_close || ' of ' || last_day || ' × ' || last_factor || ' / ' || adj_factor as expected
from compared
where (reference is null or pre_close is null or abs(pre_close - reference) > tolerance)
    and not (
        looked_up and exists (
            select from stock_basic as stock
            where stock.ts_code = compared.ts_code and stock.list_date = compared.trade_date
        )
    )
