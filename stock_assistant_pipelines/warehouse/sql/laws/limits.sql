-- C05. A close outside the price limits of its day, by more than a tick. Where no limit holds, as on the first days of a listing,
-- the exchange names one that cannot be reached (0.01 and 99999.999), or none; the first five days are left out besides.
with outside as materialized (
    select bar.trade_date, bar.ts_code, bar.close, allowed.down_limit, allowed.up_limit
    from daily as bar
    join stk_limit as allowed on allowed.trade_date = bar.trade_date and allowed.ts_code = bar.ts_code
    where bar.trade_date = any(:days)
        and allowed.trade_date = any(:days)
        and allowed.up_limit > 0
        and (bar.close > allowed.up_limit + 0.01 or bar.close < allowed.down_limit - 0.01)
)
select outside.trade_date, outside.ts_code as subject, outside.close::text as told,
    outside.down_limit || ' to ' || outside.up_limit as expected
from outside
left join stock_basic as stock on stock.ts_code = outside.ts_code
where stock.list_date is null or (
    select count(*) from trade_cal
    where is_open = 1 and cal_date between stock.list_date and outside.trade_date
) > 5
