-- Cash flow of single quarters as it was known on a day.
select ts_code, end_date, known_at, n_cashflow_act
from cashflow_quarter_as_of(:day)
where ts_code = any(:codes) and end_date between :first and :day
