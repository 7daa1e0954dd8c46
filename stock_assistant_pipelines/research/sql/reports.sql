-- The reports of a day that said something, with what is known of their stocks.
select
    report.id, report.ts_code, report.stance, report.horizon, report.probability, stock.industry, stock.delist_date
from research_report as report
left join stock_basic as stock on stock.ts_code = report.ts_code
where report.trade_date = :day and report.status <> 'failed'
order by report.id
