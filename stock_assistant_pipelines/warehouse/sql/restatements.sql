-- What one figure was told to be, one row per change, in the order in which it became known.
--
--   select * from restatements('income', '600519.SH', '2021-12-31', 'n_income_attr_p');
--
-- The last row that was known on a day is what stood then, with the restated report (type 4) taken along. Rows that were known
-- at the same time are in the order in which one takes the place of the other. A version that was taken back gives way to the one
-- that stands then, which is told once more, as known since. The order of the rows is the caller's to keep.
create or replace function restatements(p_api text, p_ts_code text, p_end_date date, p_column text)
returns table (
    known_at timestamptz,
    value numeric,
    report_type text,
    update_flag text,
    ann_date date,
    ingested_at timestamptz,
    replaced_at timestamptz
)
language plpgsql
stable
parallel safe
as $body$
begin
    if p_api is null or p_api not in ('income', 'balancesheet', 'cashflow', 'fina_indicator', 'forecast', 'express') then
        raise invalid_parameter_value using
            message = format('p_api names a table with one row per company and period, not %s', coalesce(p_api, 'null')),
            hint = 'income, balancesheet, cashflow, fina_indicator, forecast or express';
    end if;
    if not exists (
        select from pg_attribute
        where attrelid = to_regclass(p_api) and attname = p_column and atttypid = 'numeric'::regtype
    ) then
        raise invalid_parameter_value using
            message = format('%s has no figure %s', p_api, coalesce(p_column, 'null'));
    end if;
    return query execute format(
        $query$
        with told as (
            select
                version.known_at,
                version.%2$I as value,
                to_jsonb(version) ->> 'report_type' as report_type,
                version.update_flag,
                version.ann_date,
                version.ingested_at,
                version.replaced_at,
                version.known_until,
                row_number() over (
                    order by
                        version.known_at,
                        array_position(array['4', '1', '5'], to_jsonb(version) ->> 'report_type') desc,
                        version.update_flag nulls first,
                        version.ingested_at,
                        version.filled,
                        version.digest desc
                ) as rank
            from %1$I as version
            where version.ts_code = $1
                and version.end_date = $2
                and version.known_at is not null
                and (version.known_until is null or version.known_until > version.known_at)
        ),
        standing as (
            select * from told
            union all
            select moment.known_until, since.value, since.report_type, since.update_flag, since.ann_date,
                since.ingested_at, since.replaced_at, since.known_until, since.rank
            from (select distinct known_until from told where known_until is not null) as moment
            cross join lateral (
                select told.*
                from told
                where told.known_at < moment.known_until
                    and (told.known_until is null or told.known_until > moment.known_until)
                    and not exists (select from told as newer where newer.known_at = moment.known_until)
                order by told.rank desc
                limit 1
            ) as since
        ),
        ordered as (
            select
                standing.*,
                row_number() over in_time as place,
                lag(standing.value) over in_time as before
            from standing
            window in_time as (order by standing.known_at, standing.rank)
        )
        select known_at, value, report_type, update_flag, ann_date, ingested_at, replaced_at
        from ordered
        where place = 1 or value is distinct from before
        order by place
        $query$,
        p_api, p_column
    ) using p_ts_code, p_end_date;
end
$body$;

comment on function restatements(text, text, date, text) is
    'What one figure of a report was told to be, one row per change, in the order in which it became known';
