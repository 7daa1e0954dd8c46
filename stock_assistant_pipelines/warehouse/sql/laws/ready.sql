-- The trading days on which a law can be judged, for the days that have just landed.
--
--   :days     the days that landed
--   :reads    the trading-day datasets that the law reads; :snapshots those without a time axis
--   :before   how many trading days before a day must be complete as well
--   :back     how many trading days before a day the law looks at, where they are complete
--
-- asked: it is one of the days that landed. judged: all that the law reads is complete, and what it reads has changed: the day
-- itself has landed, or one of those before it. read: it is complete, and a judged day, or one that a judged day looks back to.
with sessions as (
    select cal_date as day, row_number() over (order by cal_date) as nth
    from trade_cal
    where is_open = 1
),
span as (
    select min(nth) - greatest(cast(:before as bigint), cast(:back as bigint)) as first, max(nth) + cast(:before as bigint) as last
    from sessions
    where day = any(cast(:days as date[]))
),
held as (
    select sessions.day, sessions.nth, sessions.day = any(cast(:days as date[])) as asked,
        (
            select count(*)
            from coverage
            where dataset = any(cast(:reads as text[])) and partition = sessions.day::text and status = 'complete'
        ) = cardinality(cast(:reads as text[])) as whole
    from sessions, span
    where sessions.nth between span.first and span.last
),
standing as (
    select day, nth, asked, whole,
        bool_and(whole) over earlier
            and count(*) over earlier = cast(:before as bigint) + 1
            and bool_or(asked) over earlier
            and (
                select count(*)
                from coverage
                where dataset = any(cast(:snapshots as text[])) and partition = 'all' and status = 'complete'
            ) = cardinality(cast(:snapshots as text[])) as judged
    from held
    window earlier as (order by nth rows between cast(:before as bigint) preceding and current row)
)
select day, asked, judged,
    whole and bool_or(judged) over (order by nth rows between current row and cast(:back as bigint) following) as read
from standing
order by day
