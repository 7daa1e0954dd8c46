-- C19. A Beijing stock with bars under its old code (43…, 83…, 87…, 88…) and under 920… on one day: it would count twice. The two
-- are one company when name and day of listing agree, or when the two bars are the same to the last digit.
with old as (
    select trade_date, ts_code, open, close, vol, amount
    from daily
    where trade_date = any(:days) and ts_code like '%.BJ' and ts_code ~ '^(43|83|87|88)'
),
new as (
    select trade_date, ts_code, open, close, vol, amount
    from daily
    where trade_date = any(:days) and ts_code like '920%.BJ'
),
same as (
    select before.ts_code as old_code, after.ts_code as new_code
    from stock_basic as before
    join stock_basic as after on after.name = before.name and after.list_date = before.list_date
    where before.ts_code like '%.BJ' and before.ts_code ~ '^(43|83|87|88)' and after.ts_code like '920%.BJ'
),
twice as (
    select new.trade_date, old.ts_code as old_code, new.ts_code as new_code
    from same
    join new on new.ts_code = same.new_code
    join old on old.ts_code = same.old_code and old.trade_date = new.trade_date
    union
    select new.trade_date, old.ts_code, new.ts_code
    from new
    join old on old.trade_date = new.trade_date and old.amount = new.amount and old.vol = new.vol
        and old.close = new.close and old.open = new.open
    where new.vol > 0
)
select trade_date, new_code as subject, 'a bar as ' || old_code || ' too' as told, 'one bar' as expected
from twice
