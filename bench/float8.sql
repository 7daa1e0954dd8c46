-- daily_adjusted as it would be over float8 columns: prices are products and quotients of floating point numbers.
create function daily_adjusted(p_ts_code text, p_start date, p_end date, p_adjust text)
returns table (
    ts_code text, trade_date date, open float8, high float8, low float8, close float8, pre_close float8, change float8,
    pct_chg float8, vol float8, amount float8, adj_factor float8
)
language sql
stable
parallel safe
as $$
select
    bar.ts_code,
    bar.trade_date,
    case p_adjust when 'qfq' then round(bar.open * factor * 1e4) / 1e4 else bar.open * factor end,
    case p_adjust when 'qfq' then round(bar.high * factor * 1e4) / 1e4 else bar.high * factor end,
    case p_adjust when 'qfq' then round(bar.low * factor * 1e4) / 1e4 else bar.low * factor end,
    case p_adjust when 'qfq' then round(bar.close * factor * 1e4) / 1e4 else bar.close * factor end,
    case p_adjust when 'qfq' then round(bar.pre_close * factor * 1e4) / 1e4 else bar.pre_close * factor end,
    case p_adjust when 'qfq' then round(bar.change * factor * 1e4) / 1e4 else bar.change * factor end,
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
cross join lateral (
    select case p_adjust
        when 'none' then 1
        when 'hfq' then day.adj_factor
        else day.adj_factor / newest.adj_factor
    end as factor
) as chosen
where bar.ts_code = p_ts_code and bar.trade_date between p_start and p_end
$$;
