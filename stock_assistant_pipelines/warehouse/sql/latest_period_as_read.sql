-- The newest report period of which this database held a company's own statements at a moment; null: of none.
--
--   select latest_period_as_read('600519.SH', '2026-04-30 20:00+08');
create or replace function latest_period_as_read(p_ts_code text, p_moment timestamptz)
returns date
language sql
stable
parallel safe
as $$
select max(version.end_date) from income_as_read(p_moment) as version where version.ts_code = p_ts_code
$$;

comment on function latest_period_as_read(text, timestamptz) is
    'The newest report period of a company that this database held at a moment, by when it was read';
