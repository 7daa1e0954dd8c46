-- Closes of an index on some days.
select trade_date, close
from index_daily
where ts_code = :index and trade_date = any(:days)
