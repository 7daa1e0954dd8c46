-- Dividends as they were known at the end of a day in Shanghai: of each plan the stage that it had reached.
--
--   select * from dividends_as_of('2023-07-17') where ts_code = '600188.SH' order by end_date;
--
-- A plan is what was announced on one day (ann_date) for one period. Once something of it is carried out, each payment is a row: they
-- differ in their ex-date or in what is paid. One that was adjusted to the shares of a later day (base_date) takes the place of the
-- first, and one that has an ex-date that of those that have none yet.
create or replace function dividends_as_of(p_day date)
returns setof dividend
language sql
stable
parallel safe
as $$
select distinct on (
    version.ts_code,
    version.end_date,
    version.ann_date,
    case version.div_proc when '实施' then version.ex_date end,
    case version.div_proc when '实施' then coalesce(version.cash_div_tax, 0) end,
    case version.div_proc when '实施' then coalesce(version.stk_div, 0) end
) version.*
from dividend as version
where version.known_at <= (p_day + 1)::timestamp at time zone 'Asia/Shanghai'
    and (version.known_until is null or version.known_until > (p_day + 1)::timestamp at time zone 'Asia/Shanghai')
    and not exists (
        select from dividend as paid
        where paid.ts_code = version.ts_code
            and paid.end_date = version.end_date
            and paid.ann_date is not distinct from version.ann_date
            and paid.div_proc = '实施'
            and paid.known_at <= (p_day + 1)::timestamp at time zone 'Asia/Shanghai'
            and (paid.known_until is null or paid.known_until > (p_day + 1)::timestamp at time zone 'Asia/Shanghai')
            and (
                version.div_proc is distinct from '实施'
                or (version.ex_date is null and paid.ex_date is not null)
                or (version.ex_date is not distinct from paid.ex_date and version.base_date < paid.base_date)
            )
    )
order by
    version.ts_code,
    version.end_date,
    version.ann_date,
    case version.div_proc when '实施' then version.ex_date end,
    case version.div_proc when '实施' then coalesce(version.cash_div_tax, 0) end,
    case version.div_proc when '实施' then coalesce(version.stk_div, 0) end,
    case version.div_proc when '预案' then 2 else 1 end,
    version.known_at desc,
    version.base_date desc nulls last,
    version.ingested_at desc,
    version.filled desc,
    version.digest
$$;

comment on function dividends_as_of(date) is
    'Dividends as they were known at the end of a day in Shanghai, each plan at the stage that it had reached';
