-- One row per report that counts, or per expert of it, with what became of what it said at one horizon.
-- :since, :until  days of reports; null: all
-- :experts        whether it is about experts, each by the way that its claims lean, or about stances
-- :span           the horizon; null: the report's own
-- :band           how much the square of the excess may be, times the horizon, while a stock goes with the index
-- Model and provider are those that wrote: they are others than the report's where the first to be asked did not answer. What
-- another wrote, and a synthesis of what another noted, may know what came: the report's cutoff is not that one's.
with written as (
    select
        report.id,
        report.ts_code,
        report.trade_date,
        report.prompt_version,
        report.language,
        report.stance,
        report.horizon,
        report.probability,
        report.made_at,
        coalesce(note.expert, 'synthesis') as expert,
        coalesce(note.provider, report.provider) as provider,
        coalesce(note.model, report.model) as model,
        case
            when report.forward then 'forward'
            when report.before_cutoff and ((note.provider, note.model) <> (report.provider, report.model)) is not true
                then 'before cutoff'
            when report.before_cutoff is not false or (note.provider, note.model) <> (report.provider, report.model)
                then 'cutoff unknown'
            when coalesce(note.expert, 'synthesis') = 'synthesis' and exists (
                select 1
                from research_note as other
                where other.report_id = report.id
                    and (other.provider, other.model) <> (report.provider, report.model)
            ) then 'cutoff unknown'
            else 'backfilled'
        end as kind
    from research_report as report
    left join research_note as note
        on note.report_id = report.id
            and (
                note.expert = 'synthesis'
                or cast(:experts as boolean) and note.status in ('written', 'degraded', 'abstained')
            )
    where report.status <> 'failed'
        and report.trade_date >= coalesce(cast(:since as date), '-infinity')
        and report.trade_date <= coalesce(cast(:until as date), 'infinity')
),
first_made as (
    select distinct on (ts_code, trade_date, expert, provider, model, prompt_version, language) *
    from written
    order by ts_code, trade_date, expert, provider, model, prompt_version, language, made_at, id
),
counted as materialized (
    select *, row_number() over (partition by ts_code, trade_date, kind order by id) = 1 as of_stock
    from first_made
),
opinion as (
    select id as report_id, expert, stance, probability
    from counted
    where not cast(:experts as boolean)
    union all
    select
        counted.id,
        counted.expert,
        case sign(count(*) filter (where claim.direction = 'up') - count(*) filter (where claim.direction = 'down'))
            when 1 then 'outperform'
            when -1 then 'underperform'
        end,
        null
    from counted
    left join research_claim as claim on claim.report_id = counted.id and claim.expert = counted.expert and claim.held
    where cast(:experts as boolean) and counted.expert <> 'synthesis'
    group by counted.id, counted.expert
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
    case when cast(:experts as boolean) then opinion.expert end as expert,
    opinion.stance,
    opinion.probability,
    counted.ts_code,
    told.span,
    sessions.ordinal / told.span as stretch,
    case
        when not cast(:experts as boolean) then told.hit
        when opinion.stance = 'outperform' then told.excess_index > 0
        when opinion.stance = 'underperform' then told.excess_index < 0
    end as hit,
    case when not cast(:experts as boolean) then told.brier end as brier,
    case opinion.stance
        when 'outperform' then base.outperform
        when 'underperform' then base.underperform
        when 'neutral' then base.neutral
    end as base,
    told.excess_index,
    told.excess_industry,
    case opinion.stance when 'outperform' then 1 when 'underperform' then -1 end as way
from counted
join opinion on opinion.report_id = counted.id and opinion.expert = counted.expert
left join told on told.report_id = counted.id and told.span = coalesce(cast(:span as integer), counted.horizon)
left join base on base.kind = counted.kind and base.span = told.span
left join sessions on sessions.cal_date = counted.trade_date
