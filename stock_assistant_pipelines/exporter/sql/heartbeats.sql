-- When each kind of daemon last said that it lives.
select lower(daemon_type) as daemon, extract(epoch from "timestamp")::float8 as beat_at
from daemon_heartbeats
