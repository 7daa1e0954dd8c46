-- The rows of `market_day` for the trading days :days, whatever is there of them; which of them are whole is asked elsewhere.
--
-- A median of an even number of values is the mean of the two in the middle, and exact (percentile_cont is binary). Nulls
-- are left out: pe_ttm is null at a loss.
with bars as (
    select
        bar.trade_date,
        count(*) as traded,
        count(*) filter (where bar.close > bar.pre_close) as up,
        count(*) filter (where bar.close < bar.pre_close) as down,
        count(*) filter (where bar.close = bar.pre_close) as unchanged,
        count(*) filter (where allowed.up_limit > 0 and bar.close >= allowed.up_limit) as limit_up,
        count(*) filter (where allowed.down_limit > 0 and bar.close <= allowed.down_limit) as limit_down,
        sum(bar.amount) as amount,
        percentile_disc(0.5) within group (order by bar.pct_chg) as pct_chg_lower,
        percentile_disc(0.5) within group (order by bar.pct_chg desc) as pct_chg_upper
    from daily as bar
    left join stk_limit as allowed
        on allowed.trade_date = bar.trade_date and allowed.ts_code = bar.ts_code and allowed.trade_date = any(:days)
    where bar.trade_date = any(:days)
    group by bar.trade_date
),
valuation as (
    select
        trade_date,
        sum(total_mv) as total_mv,
        sum(circ_mv) as circ_mv,
        percentile_disc(0.5) within group (order by pe_ttm) as pe_ttm_lower,
        percentile_disc(0.5) within group (order by pe_ttm desc) as pe_ttm_upper,
        percentile_disc(0.5) within group (order by pb) as pb_lower,
        percentile_disc(0.5) within group (order by pb desc) as pb_upper
    from daily_basic
    where trade_date = any(:days)
    group by trade_date
),
halts as (
    select trade_date, count(distinct ts_code) as suspended
    from suspend_d
    where trade_date = any(:days) and suspend_type = 'S' and suspend_timing is null
    group by trade_date
)
select
    bars.trade_date,
    bars.traded,
    coalesce(halts.suspended, 0) as suspended,
    bars.up,
    bars.down,
    bars.unchanged,
    bars.limit_up,
    bars.limit_down,
    bars.amount,
    trim_scale((bars.pct_chg_lower + bars.pct_chg_upper) / 2) as pct_chg_median,
    valuation.total_mv,
    valuation.circ_mv,
    trim_scale((valuation.pe_ttm_lower + valuation.pe_ttm_upper) / 2) as pe_ttm_median,
    trim_scale((valuation.pb_lower + valuation.pb_upper) / 2) as pb_median
from bars
left join valuation on valuation.trade_date = bars.trade_date
left join halts on halts.trade_date = bars.trade_date
