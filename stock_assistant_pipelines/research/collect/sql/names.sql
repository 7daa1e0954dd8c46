-- All names that stocks listed by a day had borne by then; of those without a past the present one.
select past.name
from namechange as past
join stock_basic as stock using (ts_code)
where past.start_date <= :day and stock.list_date <= :day and past.name is not null
union
select stock.name
from stock_basic as stock
where stock.list_date <= :day and stock.name is not null
    and not exists (
        select from namechange as past where past.ts_code = stock.ts_code and past.start_date <= :day
    )
order by 1
