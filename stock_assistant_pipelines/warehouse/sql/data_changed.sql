-- The trigger of every table that is served. For each row: that of the dataset which column `dataset` names has changed. For each
-- statement: rows of the dataset that the trigger's argument names, or else the table.
create or replace function data_changed() returns trigger
language plpgsql
as $$
begin
    if tg_level = 'STATEMENT' then
        perform bump_data_version(coalesce(tg_argv[0], tg_table_name));
        return null;
    end if;
    if tg_op <> 'INSERT' then
        perform bump_data_version(old.dataset);
    end if;
    if tg_op <> 'DELETE' then
        perform bump_data_version(new.dataset);
    end if;
    return null;
end
$$
