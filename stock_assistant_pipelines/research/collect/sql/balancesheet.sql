-- Balance sheets as they were known on a day.
select ts_code, end_date, report_type, known_at, money_cap, total_assets, total_liab, total_hldr_eqy_exc_min_int
from balancesheet_as_of(:day)
where ts_code = any(:codes) and end_date between :first and :day
