-- C08. A stock that traded and has no factor: its adjusted prices cannot be told.
select bar.trade_date, bar.ts_code as subject, 'no factor' as told, 'a factor' as expected
from daily as bar
left join adj_factor as factor
    on factor.trade_date = bar.trade_date and factor.ts_code = bar.ts_code and factor.trade_date = any(:days)
where bar.trade_date = any(:days) and factor.adj_factor is null
