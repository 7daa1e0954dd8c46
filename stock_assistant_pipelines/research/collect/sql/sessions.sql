-- The trading days between two days, both included.
select cal_date
from trade_cal
where exchange = 'SSE' and is_open = 1 and cal_date between :first and :day
order by cal_date
