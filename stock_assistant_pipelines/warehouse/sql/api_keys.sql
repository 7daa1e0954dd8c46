-- What the API needs to tell a key that is good: its role may call this, and cannot read the table. A hash is of no use to
-- anybody: the keys are random, and are sent in full.
create or replace function api_keys()
returns table (hash bytea, name text, per_minute integer, expires_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select key.hash, key.name, key.per_minute, key.expires_at
    from public.api_key as key
    where key.revoked_at is null
      and (key.expires_at is null or key.expires_at > now())
$$;
revoke execute on function api_keys() from public;
