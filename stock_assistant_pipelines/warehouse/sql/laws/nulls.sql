-- C15. A column of which more, or fewer, values are null than usual: more than six deviations from the median of the sixty trading
-- days before. The deviation is the median one, and not less than chance, one row, or 0.05 % of the rows; markets of fewer than
-- thirty rows are left out. `counted` has a row per day: how many rows there are, and of each column how many are not null.
select today.trade_date, today.name as subject,
    'null in ' || round(100 * today.share::numeric, 2) || ' % of the rows' as told,
    'about ' || round(100 * usual.median::numeric, 2) || ' %' as expected
from (
    select counted.trade_date, counted.rows, filled.name, 1 - filled.values::float8 / counted.rows as share
    from counted, unnest(counted.names, counted.filled) as filled (name, values)
    where counted.trade_date = any(:days) and counted.rows >= 30
) as today
cross join lateral (
    select percentile_cont(0.5) within group (order by share) as median, array_agg(share) as shares
    from (
        select 1 - counted.filled[array_position(counted.names, today.name)]::float8 / counted.rows as share
        from counted
        where counted.trade_date < today.trade_date
        order by counted.trade_date desc
        limit 60
    ) as earlier
) as usual
cross join lateral (
    select percentile_cont(0.5) within group (order by abs(share - usual.median)) as deviation
    from unnest(usual.shares) as share
) as spread
where abs(today.share - usual.median) > 6 * greatest(
    1.4826 * spread.deviation, sqrt(usual.median * (1 - usual.median) / today.rows), 1.0 / today.rows, 0.0005
)
