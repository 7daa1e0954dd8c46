-- Bars of stocks as they were seen on a day, adjusted to the factor that was the newest then, with the prices as traded.
select
    bar.ts_code,
    bar.trade_date,
    bar.high,
    bar.low,
    bar.close,
    bar.vol,
    bar.amount,
    bar.pct_chg,
    traded.open as traded_open,
    traded.high as traded_high,
    traded.low as traded_low,
    traded.close as traded_close
from unnest(cast(:codes as text [])) as code
cross join lateral daily_adjusted_as_of(code, :first, :day, :day) as bar
join daily as traded on traded.ts_code = code and traded.trade_date = bar.trade_date
order by bar.ts_code, bar.trade_date
