-- Financial indicators as they were known on a day.
select ts_code, end_date, known_at, roe, roe_dt, grossprofit_margin, netprofit_margin, current_ratio, interestdebt
from fina_indicator_as_of(:day)
where ts_code = any(:codes) and end_date between :first and :day
