-- Income of twelve months as it was known on a day.
select ts_code, end_date, known_at, revenue, oper_cost, operate_profit, n_income, n_income_attr_p, rd_exp
from income_ttm_as_of(:day)
where ts_code = any(:codes) and end_date between :first and :day
