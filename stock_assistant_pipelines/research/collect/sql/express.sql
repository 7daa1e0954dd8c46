-- Preliminary earnings as they were known on a day.
select ts_code, end_date, ann_date, known_at, revenue, n_income, diluted_eps, diluted_roe
from express_as_of(:day)
where ts_code = any(:codes) and end_date >= :first
order by ts_code, end_date
