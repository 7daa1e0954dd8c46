-- What one figure was told to be, one row per change, in the order in which it became known.
--
--   select * from restatements('income', '600519.SH', '2021-12-31', 'n_income_attr_p');
--
-- The last row that was known on a day is what stood then, with the restated report (type 4) taken along. Rows that were known
-- at the same time are in the order in which one takes the place of the other. A version that was taken back gives way to the one
-- that stands then, which is told once more, as known since. Where type 1 bears the day of type 5, it is known since it was read.
-- The order of the rows is the caller's to keep.
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
                        array_position(array['4', '5', '1'], to_jsonb(version) ->> 'report_type') desc,
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
        moments as (
            select known_until as moment from told where known_until is not null
            union
            select ingested_at from told where report_type = '1'
        ),
        valid as (
            select told.*, told.known_at as since from told
            union all
            select told.*, moments.moment
            from moments
            join told on told.known_at < moments.moment
                and (told.known_until is null or told.known_until > moments.moment)
            where not exists (select from told as newer where newer.known_at = moments.moment)
        ),
        standing as (
            select valid.*, valid.rank = max(valid.rank) over (partition by valid.since) as stands
            from valid
            cross join lateral (
                select case
                    when max(own.ingested_at) filter (where own.report_type = '1') <= valid.since then '5'
                    when bool_or(own.report_type = '5' and own.known_at = valid.known_at) then '1'
                end as report_type
                from told as own
                where own.known_at <= valid.known_at and (own.known_until is null or own.known_until > valid.since)
            ) as giving_way
            where (valid.report_type = giving_way.report_type) is not true
        ),
        ordered as (
            select
                standing.*,
                row_number() over in_time as place,
                lag(standing.value) over in_time as before
            from standing
            where standing.known_at = standing.since or standing.stands
            window in_time as (order by standing.since, standing.rank)
        )
        select since, value, report_type, update_flag, ann_date, ingested_at, replaced_at
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
