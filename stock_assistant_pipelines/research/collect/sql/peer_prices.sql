-- Adjusted closes of the stocks of some industries on some days: price times factor of the day.
select stock.industry, bar.ts_code, bar.trade_date, bar.close * day.adj_factor as price
from stock_basic as stock
join daily as bar on bar.ts_code = stock.ts_code
join adj_factor as day on day.trade_date = bar.trade_date and day.ts_code = bar.ts_code
where stock.industry = any(:industries) and bar.trade_date = any(:days)
