-- C11. A day on which the market's turnover is not within five times the median of the twenty trading days before, up or down.
-- Markets of fewer than thirty stocks are left out: one stock decides there.
with sums as (
    select trade_date, sum(amount)::float8 as amount, count(*) as bars
    from daily
    where trade_date = any(:window)
    group by trade_date
),
usual as (
    select today.trade_date, today.amount,
        (
            select percentile_cont(0.5) within group (order by earlier.amount)
            from (
                select amount from sums where trade_date < today.trade_date order by trade_date desc limit 20
            ) as earlier
        ) as median
    from sums as today
    where today.trade_date = any(:days) and today.bars >= 30
)
select trade_date, 'the market' as subject, 'turnover ' || round(coalesce(amount, 0)::numeric) as told,
    'within five times ' || round(median::numeric) as expected
from usual
where coalesce(amount, 0) not between median / 5 and median * 5
