-- The statement of each company and period as this database held it at a moment, whatever the days that Tushare tells.
--
--   select * from income_as_read('2026-04-30 20:00+08') where ts_code = '600519.SH' order by end_date;
--
-- p_restated is that of the function that goes by day. What is quarantined is left out, and so is what a report was before it was
-- adjusted (type 5) once the adjusted one (type 1) was read, whatever their days.
create or replace function {function}(p_moment timestamptz, p_restated boolean default false)
returns setof {table}
language sql
stable
parallel safe
as $$
select distinct on (version.ts_code, version.end_date) version.*
from {table} as version
where version.ingested_at <= p_moment
    and (version.replaced_at is null or version.replaced_at > p_moment)
    and version.flaw is null
    and (version.report_type in ('1', '5') or (p_restated and version.report_type = '4'))
    and (
        version.report_type <> '5'
        or (
            select max(own.ingested_at)
            from {table} as own
            where own.ts_code = version.ts_code
                and own.end_date = version.end_date
                and own.report_type = '1'
                and own.ingested_at <= p_moment
                and (own.replaced_at is null or own.replaced_at > p_moment)
                and own.flaw is null
        ) is null
    )
order by
    version.ts_code,
    version.end_date,
    version.known_at desc,
    array_position(array['4', '1', '5'], version.report_type),
    {prefer}version.ingested_at desc,
    version.filled desc,
    version.digest
$$;

comment on function {function}(timestamptz, boolean) is
    'Statements as this database held them at a moment, by when they were read; restated ones on request';
