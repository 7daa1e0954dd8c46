-- The days that stocks were suspended for as a whole.
select distinct ts_code, trade_date
from suspend_d
where ts_code = any(:codes)
    and trade_date between :first and :day
    and suspend_type = 'S'
    and suspend_timing is null
