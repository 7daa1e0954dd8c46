-- Dividends as they were known at the end of a day in Shanghai: of each plan the stage that it had reached.
--
--   select * from dividends_as_of('2023-07-17') where ts_code = '600188.SH' order by end_date;
--
-- A plan is what was announced on one day (ann_date) for one period. Its first form counts from that day, and one that was adjusted to
-- the shares of a later day (base_date) from then on. Its carrying out counts from when it was announced; where that is missing, from
-- the record date, by which everybody knew. Nothing tells when a plan was approved or given up: that counts from when it was read.
create or replace function dividends_as_of(p_day date)
returns setof dividend
language sql
stable
parallel safe
as $$
select distinct on (version.ts_code, version.end_date, version.ann_date) version.*
from dividend as version
where version.known_at <= (p_day + 1)::timestamp at time zone 'Asia/Shanghai'
    and (version.known_until is null or version.known_until > (p_day + 1)::timestamp at time zone 'Asia/Shanghai')
    and (
        (version.div_proc = '预案' and (version.base_date is null or version.base_date <= p_day))
        or (version.div_proc = '实施' and coalesce(version.imp_ann_date, version.record_date, version.ex_date) <= p_day)
        or version.ingested_at <= (p_day + 1)::timestamp at time zone 'Asia/Shanghai'
    )
order by
    version.ts_code,
    version.end_date,
    version.ann_date,
    case version.div_proc when '实施' then 1 when '预案' then 3 else 2 end,
    version.known_at desc,
    version.base_date desc nulls last,
    version.ingested_at desc,
    version.filled desc,
    version.digest
$$;

comment on function dividends_as_of(date) is
    'Dividends as they were known at the end of a day in Shanghai, each plan at the stage that it had reached';
