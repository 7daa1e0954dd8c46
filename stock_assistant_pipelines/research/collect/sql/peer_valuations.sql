-- Multiples of the stocks of some industries on a day.
select stock.industry, basic.ts_code, basic.pe_ttm, basic.pb, basic.ps_ttm, basic.dv_ttm
from daily_basic as basic
join stock_basic as stock on stock.ts_code = basic.ts_code
where stock.industry = any(:industries) and basic.trade_date = :day
