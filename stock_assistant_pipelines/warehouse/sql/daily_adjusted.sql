-- Daily bars of one stock, adjusted: the columns of `daily`, and `adj_factor`, the factor of the day.
--
--   select * from daily_adjusted('600519.SH', '2024-01-01', '2024-12-31', 'qfq') order by trade_date;
--
-- p_adjust  none  prices as traded
--           hfq   price × factor of the day: the exact product, not rounded
--           qfq   price × factor of the day ÷ newest known factor of the stock, whatever the range; rounded to 4 decimals,
--                 halves away from zero. Rounding to 24 places before the division only carries enough digits through it.
--
-- open, high, low, close, pre_close and change are adjusted; pct_chg, vol and amount are the day's own. A day without a
-- factor has NULL prices: a factor is never guessed from its neighbours. The order of the rows is the caller's to ask for.
create or replace function daily_adjusted(p_ts_code text, p_start date, p_end date, p_adjust text)
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
    case p_adjust
        when 'none' then bar.open
        when 'hfq' then bar.open * day.adj_factor
        else round(round(bar.open * day.adj_factor, 24) / newest.adj_factor, 4)
    end,
    case p_adjust
        when 'none' then bar.high
        when 'hfq' then bar.high * day.adj_factor
        else round(round(bar.high * day.adj_factor, 24) / newest.adj_factor, 4)
    end,
    case p_adjust
        when 'none' then bar.low
        when 'hfq' then bar.low * day.adj_factor
        else round(round(bar.low * day.adj_factor, 24) / newest.adj_factor, 4)
    end,
    case p_adjust
        when 'none' then bar.close
        when 'hfq' then bar.close * day.adj_factor
        else round(round(bar.close * day.adj_factor, 24) / newest.adj_factor, 4)
    end,
    case p_adjust
        when 'none' then bar.pre_close
        when 'hfq' then bar.pre_close * day.adj_factor
        else round(round(bar.pre_close * day.adj_factor, 24) / newest.adj_factor, 4)
    end,
    case p_adjust
        when 'none' then bar.change
        when 'hfq' then bar.change * day.adj_factor
        else round(round(bar.change * day.adj_factor, 24) / newest.adj_factor, 4)
    end,
    bar.pct_chg,
    bar.vol,
    bar.amount,
    day.adj_factor
from daily as bar
left join adj_factor as day
    on day.ts_code = bar.ts_code
    and day.trade_date = bar.trade_date
    and day.ts_code = p_ts_code
    and day.trade_date between p_start and p_end
left join lateral (
    select known.adj_factor
    from adj_factor as known
    where known.ts_code = p_ts_code and known.adj_factor is not null
    order by known.trade_date desc
    limit 1
) as newest on true
where bar.ts_code = p_ts_code
    and bar.trade_date between p_start and p_end
    -- An unknown p_adjust is an error, not an empty answer: the cast fails, and its message says what is taken.
    and case
        when p_adjust in ('none', 'hfq', 'qfq') then true
        else format('p_adjust takes none, hfq or qfq, not %s', coalesce(p_adjust, 'null'))::boolean
    end
$$;

comment on function daily_adjusted(text, date, date, text) is
    'Daily bars of one stock, as traded (none), adjusted from the day of listing (hfq) or to the newest factor (qfq)';
