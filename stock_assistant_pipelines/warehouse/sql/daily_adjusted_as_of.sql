-- Daily bars of one stock between two days, both included, as they were seen on a day: none of a later one, and prices adjusted
-- (qfq) to the factor that was the newest then.
--
--   select * from daily_adjusted_as_of('600519.SH', '2024-01-01', '2024-04-30', '2024-04-30') order by trade_date;
--
-- Neither a bar nor a factor that came later changes them. On a day that neither the last bar nor the newest factor is after, the
-- answer is that of daily_adjusted(…, 'qfq'), and columns, rounding and nulls are the same; where no factor was known on the day,
-- prices are null.
create or replace function daily_adjusted_as_of(p_ts_code text, p_start date, p_end date, p_day date)
returns table (
    ts_code text,
    trade_date date,
    open numeric,
    high numeric,
    low numeric,
    close numeric,
    pre_close numeric,
    change numeric,
    pct_chg numeric,
    vol numeric,
    amount numeric,
    adj_factor numeric
)
language sql
stable
parallel safe
as $$
select
    bar.ts_code,
    bar.trade_date,
    round(round(bar.open, 24) / newest.adj_factor, 4),
    round(round(bar.high, 24) / newest.adj_factor, 4),
    round(round(bar.low, 24) / newest.adj_factor, 4),
    round(round(bar.close, 24) / newest.adj_factor, 4),
    round(round(bar.pre_close, 24) / newest.adj_factor, 4),
    round(round(bar.change, 24) / newest.adj_factor, 4),
    bar.pct_chg,
    bar.vol,
    bar.amount,
    bar.adj_factor
from daily_adjusted(p_ts_code, p_start, least(p_end, p_day), 'hfq') as bar
left join lateral (
    select known.adj_factor
    from adj_factor as known
    where known.ts_code = p_ts_code and known.trade_date <= p_day and known.adj_factor is not null
    order by known.trade_date desc
    limit 1
) as newest on true
$$;

comment on function daily_adjusted_as_of(text, date, date, date) is
    'Daily bars of one stock as they were seen on a day, adjusted (qfq) to the factor that was the newest then';
