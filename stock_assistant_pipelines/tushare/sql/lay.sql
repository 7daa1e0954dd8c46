-- Lay the ring of an interface: one permit for each call that a window allows. What is there stays as it is.
with forgotten as (
    delete from quota
    where day < (clock_timestamp() at time zone 'Asia/Shanghai')::date - 7
      and not (account = %(account)s and api = %(api)s)
),
ring as (
    insert into quota (account, api, calls_per_minute, calls_per_day, day, calls)
    values (
        %(account)s, %(api)s, %(slots)s, %(per_day)s, (clock_timestamp() at time zone 'Asia/Shanghai')::date, 0
    )
    on conflict (account, api) do update
    set calls_per_minute = excluded.calls_per_minute, calls_per_day = excluded.calls_per_day
    returning account, api
)
insert into permit (account, api, slot, free_at)
select ring.account, ring.api, slots.slot, clock_timestamp()
from ring, generate_series(0, %(slots)s - 1) as slots (slot)
on conflict do nothing
