-- What was known at the end of a day in Shanghai: of each key the version that became known last.
--
--   select * from fina_indicator_as_of('2026-04-30') where ts_code = '600519.SH' order by end_date;
--
-- Conditions on the key reach the table, so that one company or one period is found by index.
create or replace function {function}(p_day date)
returns setof {table}
language sql
stable
parallel safe
as $$
select distinct on ({key}) version.*
from {table} as version
where version.known_at <= (p_day + 1)::timestamp at time zone 'Asia/Shanghai'
    and (version.known_until is null or version.known_until > (p_day + 1)::timestamp at time zone 'Asia/Shanghai')
order by {key}, version.known_at desc, {prefer}version.ingested_at desc, version.filled desc, version.digest
$$;

comment on function {function}(date) is 'What was known at the end of a day in Shanghai, by the days that Tushare tells';
