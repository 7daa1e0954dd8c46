-- Forecasts as they were known on a day, the newest of each period.
select distinct on (ts_code, end_date)
    ts_code, end_date, ann_date, known_at, type, p_change_min, p_change_max, net_profit_min, net_profit_max
from forecast_as_of(:day)
where ts_code = any(:codes) and end_date >= :first
order by ts_code, end_date, known_at desc, ann_date desc nulls last
