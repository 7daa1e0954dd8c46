-- Figures of the trailing twelve months, from those that count from the start of the year: as they were known at the end of a day,
-- or as this database held them at a moment.
--
--   select * from income_ttm_as_of('2026-04-30') where ts_code = '600519.SH' order by end_date;
--   select * from income_ttm_as_read('2026-04-30 20:00+08') where ts_code = '600519.SH' order by end_date;
--
-- A whole year is as it was told; otherwise it is the year so far, and the whole year before, less the same months of it.
-- Null where one of the three was not known then, or does not name the figure. known_at: since when what is known of it was.
create or replace function {function}({at} {kind}, p_restated boolean default false)
returns table (ts_code text, end_date date, comp_type text, known_at timestamptz, {columns})
language sql
stable
parallel safe
as $$
select
    ytd.ts_code,
    ytd.end_date,
    ytd.comp_type,
    greatest(ytd.known_at, annual.known_at, ago.known_at),
    {figures}
from {source}({at}, p_restated) as ytd
left join lateral (
    select version.*
    from {source}({at}, p_restated) as version
    where version.ts_code = ytd.ts_code
        and version.end_date = (date_trunc('year', ytd.end_date::timestamp) - interval '1 day')::date
        and extract(quarter from ytd.end_date) < 4
    limit 1
) as annual on true
left join lateral (
    select version.*
    from {source}({at}, p_restated) as version
    where version.ts_code = ytd.ts_code
        and version.end_date = (ytd.end_date - interval '1 year')::date
        and extract(quarter from ytd.end_date) < 4
    limit 1
) as ago on true
where ytd.end_date = (date_trunc('quarter', ytd.end_date::timestamp) + interval '3 months' - interval '1 day')::date
$$;

comment on function {function}({kind}, boolean) is {comment};
