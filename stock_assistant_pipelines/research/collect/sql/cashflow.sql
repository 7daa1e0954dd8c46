-- Cash flow statements as they were known on a day, from the start of each year.
select ts_code, end_date, report_type, comp_type, known_at
from cashflow_as_of(:day)
where ts_code = any(:codes) and end_date between :first and :day
