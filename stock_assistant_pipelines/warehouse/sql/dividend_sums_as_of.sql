-- What is paid on each ex-date, as it was known at the end of a day in Shanghai: the sum of all plans that are carried out on it.
--
--   select * from dividend_sums_as_of('2023-07-17') where ts_code = '600188.SH' order by ex_date;
create or replace function dividend_sums_as_of(p_day date)
returns table (
    ts_code text,
    ex_date date,
    plans bigint,
    stk_div numeric,
    stk_bo_rate numeric,
    stk_co_rate numeric,
    cash_div numeric,
    cash_div_tax numeric,
    known_at timestamptz
)
language sql
stable
parallel safe
as $$
select
    plan.ts_code,
    plan.ex_date,
    count(*),
    sum(plan.stk_div),
    sum(plan.stk_bo_rate),
    sum(plan.stk_co_rate),
    sum(plan.cash_div),
    sum(plan.cash_div_tax),
    max(plan.known_at)
from dividends_as_of(p_day) as plan
where plan.div_proc = '实施' and plan.ex_date is not null
group by plan.ts_code, plan.ex_date
$$;

comment on function dividend_sums_as_of(date) is
    'What is paid per share on each ex-date, as it was known at the end of a day in Shanghai';
