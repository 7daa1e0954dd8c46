-- What figures were told to be by the end of a day, restated reports taken along, in the order in which it became known: of those
-- that were told in more ways than one.
with told as (
    select 'income' as api, figure.name as figure, version.ts_code, version.end_date, figure.value
    from income as version
    cross join lateral (
        values ('revenue', version.revenue), ('n_income_attr_p', version.n_income_attr_p)
    ) as figure (name, value)
    where version.ts_code = any(:codes) and version.end_date between :first and :day and version.known_at <= :end
    union all
    select 'cashflow', 'n_cashflow_act', version.ts_code, version.end_date, version.n_cashflow_act
    from cashflow as version
    where version.ts_code = any(:codes) and version.end_date between :first and :day and version.known_at <= :end
    union all
    select
        'balancesheet', 'total_hldr_eqy_exc_min_int', version.ts_code, version.end_date, version.total_hldr_eqy_exc_min_int
    from balancesheet as version
    where version.ts_code = any(:codes) and version.end_date between :first and :day and version.known_at <= :end
),
changed as materialized (
    select api, figure, ts_code, end_date
    from told
    group by api, figure, ts_code, end_date
    having min(value) <> max(value)
)
select changed.ts_code, changed.end_date, changed.api, changed.figure, history.known_at, history.value, history.report_type
from changed
cross join lateral restatements(changed.api, changed.ts_code, changed.end_date, changed.figure)
    with ordinality as history (
        known_at, value, report_type, update_flag, ann_date, ingested_at, replaced_at, place
    )
where history.known_at <= :end
order by changed.ts_code, changed.end_date, changed.api, changed.figure, history.place
