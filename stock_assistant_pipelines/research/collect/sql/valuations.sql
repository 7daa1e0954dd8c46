-- Valuations of stocks between two days, both included.
select ts_code, trade_date, turnover_rate, pe_ttm, pb, ps_ttm, dv_ttm, total_mv, circ_mv
from daily_basic
where ts_code = any(:codes) and trade_date between :first and :day
order by ts_code, trade_date
