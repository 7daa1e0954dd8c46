-- Count a change of what a dataset serves: once in a transaction, seen with it, and without waiting for anybody.
--
-- A dataset has several counters, and its version is their sum. A transaction takes one that nobody else holds, or adds one, so
-- that landings side by side neither wait for each other nor overwrite each other's step.
create or replace function bump_data_version(name text) returns void
language plpgsql
as $$
declare
    -- Forgotten at the end of the transaction, and with a savepoint that is rolled back.
    bumped text := 'data_version.of_' || md5(name);
    -- Under a snapshot a counter that has moved on cannot be taken: such a transaction adds its own.
    may_take boolean := current_setting('transaction_isolation') = 'read committed';
    taken bigint;
begin
    if current_setting(bumped, true) = 'yes' then
        return;
    end if;
    if may_take then
        update data_version set version = version + 1
        where id = (
            select counter.id from data_version as counter
            where counter.dataset = name
            order by counter.id
            limit 1
            for update skip locked
        )
        returning id into taken;
    end if;
    if taken is null then
        insert into data_version (dataset, version) values (name, 1);
    end if;
    perform set_config(bumped, 'yes', true);
end
$$
