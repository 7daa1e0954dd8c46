-- One row per report that counts, or per expert of it, with what became of what it said at one horizon.
-- :since, :until  days of reports; null: all
-- :experts        whether it is about experts, each by the way that its claims lean, or about stances
-- :span           the horizon; null: the report's own
-- :band           how much the square of the excess may be, times the horizon, while a stock goes with the index
with first_made as (
    select distinct on (ts_code, trade_date, provider, model, prompt_version, language)
        id, ts_code, trade_date, provider, model, prompt_version, language, stance, horizon, probability,
        case
            when forward then 'forward'
            when before_cutoff then 'before cutoff'
            when not before_cutoff then 'backfilled'
            else 'cutoff unknown'
        end as kind
    from research_report
    where status <> 'failed'
        and trade_date >= coalesce(cast(:since as date), '-infinity')
        and trade_date <= coalesce(cast(:until as date), 'infinity')
    order by ts_code, trade_date, provider, model, prompt_version, language, made_at, id
),
counted as materialized (
    select *, row_number() over (partition by ts_code, trade_date, kind order by id) = 1 as of_stock
    from first_made
),
opinion as (
    select id as report_id, cast(null as text) as expert, stance, probability
    from counted
    where not cast(:experts as boolean)
    union all
    select
        note.report_id,
        note.expert,
        case sign(count(*) filter (where claim.direction = 'up') - count(*) filter (where claim.direction = 'down'))
            when 1 then 'outperform'
            when -1 then 'underperform'
        end,
        null
    from counted
    join research_note as note on note.report_id = counted.id
    left join research_claim as claim on claim.report_id = note.report_id and claim.expert = note.expert and claim.held
    where cast(:experts as boolean)
        and note.expert <> 'synthesis'
        and note.status in ('written', 'degraded', 'abstained')
    group by note.report_id, note.expert
),
told as not materialized (
    select
        report_id,
        horizon as span,
        hit,
        brier,
        return_pct - index_pct as excess_index,
        return_pct - industry_pct as excess_industry
    from research_outcome
    where cast(:span as integer) is null or horizon = cast(:span as integer)
),
base as (
    select
        kind,
        span,
        avg(cast(excess_index > 0 as integer)) as outperform,
        avg(cast(excess_index < 0 as integer)) as underperform,
        avg(cast(excess_index * excess_index <= cast(:band as numeric) * span as integer)) as neutral
    from counted
    join told on told.report_id = counted.id
    where counted.of_stock and told.excess_index is not null
    group by kind, span
),
sessions as (
    select cal_date, row_number() over (order by cal_date) as ordinal
    from trade_cal
    where exchange = 'SSE' and is_open = 1
)
select
    counted.kind,
    counted.provider,
    counted.model,
    counted.prompt_version,
    counted.language,
    counted.horizon,
    opinion.expert,
    opinion.stance,
    opinion.probability,
    counted.ts_code,
    told.span,
    sessions.ordinal / told.span as stretch,
    case
        when opinion.expert is null then told.hit
        when opinion.stance = 'outperform' then told.excess_index > 0
        when opinion.stance = 'underperform' then told.excess_index < 0
    end as hit,
    case when opinion.expert is null then told.brier end as brier,
    case opinion.stance
        when 'outperform' then base.outperform
        when 'underperform' then base.underperform
        when 'neutral' then base.neutral
    end as base,
    told.excess_index,
    told.excess_industry,
    case opinion.stance when 'outperform' then 1 when 'underperform' then -1 end as way
from counted
join opinion on opinion.report_id = counted.id
left join told on told.report_id = counted.id and told.span = coalesce(cast(:span as integer), counted.horizon)
left join base on base.kind = counted.kind and base.span = told.span
left join sessions on sessions.cal_date = counted.trade_date
