-- One row per account and interface: what it may be asked, what of that is used, and what keeps it from being asked.
select
    quota.account,
    quota.api,
    quota.calls_per_minute,
    count(permit.slot)::integer as used,
    count(permit.lease)::integer as under_way,
    case when quota.paused_until > moment.now then quota.paused_until end as paused_until,
    case when quota.paused_until > moment.now then quota.paused_because end as paused_because,
    case when quota.day = (moment.now at time zone 'Asia/Shanghai')::date then quota.calls else 0 end as calls_today,
    quota.calls_per_day,
    coalesce(quota.urgent_until > moment.now, false) as urgent
from (select clock_timestamp() as now) as moment, quota
left join permit
    on permit.account = quota.account and permit.api = quota.api and permit.slot < quota.calls_per_minute
    and permit.free_at > clock_timestamp()
group by quota.account, quota.api, moment.now
order by quota.account, quota.api
