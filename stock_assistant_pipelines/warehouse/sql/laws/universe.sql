-- C16. Stocks that came or went since the trading day before, and that neither a listing nor a delisting explains, when they are
-- more than 0.5 % of the market. The market is what has a factor: suspended stocks have one too.
with sessions as (
    select cal_date as day, lag(cal_date) over (order by cal_date) as eve, lead(cal_date) over (order by cal_date) as morrow
    from trade_cal
    where is_open = 1
),
present as (
    select trade_date, ts_code,
        lag(trade_date) over stock as before,
        lead(trade_date) over stock as after
    from adj_factor
    where trade_date = any(:window)
    window stock as (partition by ts_code order by trade_date)
),
changes as (
    select sessions.day, present.ts_code, 'came' as change
    from present join sessions on sessions.day = present.trade_date
    where present.before is distinct from sessions.eve and sessions.day = any(:days)
    union all
    select sessions.morrow, present.ts_code, 'went'
    from present join sessions on sessions.day = present.trade_date
    where present.after is distinct from sessions.morrow and sessions.morrow = any(:days)
),
unexplained as (
    select changes.day, changes.ts_code, changes.change
    from changes
    join sessions on sessions.day = changes.day
    left join stock_basic as stock on stock.ts_code = changes.ts_code
    where case changes.change
        when 'came' then stock.list_date > sessions.eve and stock.list_date <= sessions.day
        else stock.delist_date > sessions.eve and stock.delist_date <= sessions.day
    end is not true
),
counted as (
    select unexplained.*, count(*) over (partition by unexplained.day) as changed,
        (select count(*) from adj_factor where trade_date = sessions.eve) as held
    from unexplained join sessions on sessions.day = unexplained.day
)
select day as trade_date, ts_code as subject, change as told,
    'there as on the day before: ' || changed || ' of ' || held || ' changed' as expected
from counted
where changed > 0.005 * held
