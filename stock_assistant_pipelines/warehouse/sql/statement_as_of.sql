-- The statement of each company and period as it was known at the end of a day in Shanghai.
--
--   select * from income_as_of('2026-04-30') where ts_code = '600519.SH' order by end_date;
--
-- p_restated  false  the company's own report (type 1), or what it was before it was adjusted (type 5): the one known later
--             true   also the figures that the next year's report gives for comparison (type 4), once they are known
--
-- Type 5 is always the older one. Where type 1 bears no later day than it, nobody can say since when the adjusted report is known:
-- type 5 stands until type 1 was read.
--
-- Conditions on ts_code and end_date reach the table, so that one company or one period is found by index.
create or replace function {function}(p_day date, p_restated boolean default false)
returns setof {table}
language sql
stable
parallel safe
as $$
select distinct on (version.ts_code, version.end_date) version.*
from {table} as version
where version.known_at <= (p_day + 1)::timestamp at time zone 'Asia/Shanghai'
    and (version.known_until is null or version.known_until > (p_day + 1)::timestamp at time zone 'Asia/Shanghai')
    and (version.report_type in ('1', '5') or (p_restated and version.report_type = '4'))
    and (
        version.report_type <> '5'
        or (
            (
                select max(own.ingested_at)
                from {table} as own
                where own.ts_code = version.ts_code
                    and own.end_date = version.end_date
                    and own.report_type = '1'
                    and own.known_at <= version.known_at
                    and (own.known_until is null or own.known_until > (p_day + 1)::timestamp at time zone 'Asia/Shanghai')
            ) <= (p_day + 1)::timestamp at time zone 'Asia/Shanghai'
        ) is not true
    )
order by
    version.ts_code,
    version.end_date,
    version.known_at desc,
    array_position(array['4', '5', '1'], version.report_type),
    {prefer}version.ingested_at desc,
    version.filled desc,
    version.digest
$$;

comment on function {function}(date, boolean) is
    'Statements as they were known at the end of a day in Shanghai, by the days that Tushare tells; restated ones on request';
