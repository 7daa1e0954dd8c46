-- C10. A bar without volume of a stock that is not suspended for the whole day, or one with volume of a stock that is.
select bar.trade_date, bar.ts_code as subject, 'volume ' || coalesce(bar.vol::text, 'null') as told,
    case when suspension.ts_code is null then 'volume: it is not suspended' else 'none: it is suspended all day' end as expected
from daily as bar
left join suspend_d as suspension
    on suspension.trade_date = bar.trade_date
    and suspension.ts_code = bar.ts_code
    and suspension.trade_date = any(:days)
    and suspension.suspend_type = 'S'
    and suspension.suspend_timing is null
where bar.trade_date = any(:days) and (coalesce(bar.vol, 0) = 0) <> (suspension.ts_code is not null)
