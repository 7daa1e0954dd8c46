-- Channels that refuse what there is to tell, by their kind: the part of their name before the fingerprint.
select split_part(channel, '-', 1) as kind, count(distinct channel) as channels
from alert_channel
inner join alert on alert.id = alert_channel.alert_id
where alert_channel.attempts > 0 and (alert.cleared_at is null or alert.cleared_at > now() - interval '1 day')
group by 1
