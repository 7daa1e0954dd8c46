-- Cash flow of twelve months as it was known on a day.
select ts_code, end_date, known_at, n_cashflow_act, c_pay_acq_const_fiolta
from cashflow_ttm_as_of(:day)
where ts_code = any(:codes) and end_date between :first and :day
