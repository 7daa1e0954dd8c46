select
    {name} as dataset,
    version.ts_code,
    version.end_date,
    version.flaw,
    version.ingested_at,
    version.replaced_at,
    version.run_id,
    version.digest,
    jsonb_strip_nulls(
        to_jsonb(version)
        - array['known_at', 'flaw', 'digest', 'filled', 'ingested_at', 'replaced_at', 'known_until', 'run_id']
    ) as told
from {table} as version
where version.flaw is not null
