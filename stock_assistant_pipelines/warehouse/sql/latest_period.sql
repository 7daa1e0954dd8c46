-- The newest report period of which a company's own statements were known at the end of a day in Shanghai; null: of none.
--
--   select latest_period('600519.SH', '2026-04-30');
create or replace function latest_period(p_ts_code text, p_day date)
returns date
language sql
stable
parallel safe
as $$
select max(version.end_date) from income_as_of(p_day) as version where version.ts_code = p_ts_code
$$;

comment on function latest_period(text, date) is
    'The newest report period that a company had reported by the end of a day in Shanghai';
