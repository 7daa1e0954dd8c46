-- What this database held at a moment, whatever the days that Tushare tells: of each key the version that stood then.
--
--   select * from fina_indicator_as_read('2026-04-30 20:00+08') where ts_code = '600519.SH' order by end_date;
--
-- What is quarantined is left out.
create or replace function {function}(p_moment timestamptz)
returns setof {table}
language sql
stable
parallel safe
as $$
select distinct on ({key}) version.*
from {table} as version
where version.ingested_at <= p_moment
    and (version.replaced_at is null or version.replaced_at > p_moment)
    and version.flaw is null
order by {key}, version.known_at desc, {prefer}version.ingested_at desc, version.filled desc, version.digest
$$;

comment on function {function}(timestamptz) is 'What this database held at a moment, by when it was read';
