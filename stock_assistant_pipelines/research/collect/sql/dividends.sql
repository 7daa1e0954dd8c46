-- Dividends as they were known on a day, each plan at the stage that it had reached.
select ts_code, end_date, ann_date, div_proc, ex_date, known_at, cash_div_tax, stk_div
from dividends_as_of(:day)
where ts_code = any(:codes) and end_date >= :first
order by ts_code, end_date, ann_date nulls first, ex_date nulls last, cash_div_tax, stk_div, known_at
