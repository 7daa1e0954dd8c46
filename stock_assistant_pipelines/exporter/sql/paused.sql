-- Interfaces that Tushare refused a call of, and which are left alone, by the span whose calls are used up.
select coalesce(paused_window, 'other') as span, count(distinct api) as interfaces
from quota
where paused_until > clock_timestamp()
group by 1
