-- Income of single quarters as it was known on a day.
select ts_code, end_date, known_at, revenue, operate_profit, n_income_attr_p
from income_quarter_as_of(:day)
where ts_code = any(:codes) and end_date between :first and :day
