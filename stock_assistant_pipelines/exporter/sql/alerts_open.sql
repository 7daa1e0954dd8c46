-- Alerts that hold and were told, or are to be.
select kind, severity, count(*) as alerts
from alert
where cleared_at is null and telling > 0
group by kind, severity
