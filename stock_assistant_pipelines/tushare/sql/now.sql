-- What time it is for everyone.
select clock_timestamp() as now
