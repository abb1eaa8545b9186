-- Global temporary tables. The table in its schema stays empty: it is the definition, with the dictionary's facts and
-- the grants. Each session makes a copy of its own in pg_temp when a statement first needs it; the copy's name changes
-- with the definition. concord_catalog.texts keeps, as part '$temporary', what COMMIT does to the rows.

create or replace function concord_catalog.temporary_name(relation oid) returns text language sql stable
    set search_path = pg_catalog as $$
    select 'g' || relation || '_' || left(md5(
               (select coalesce(string_agg(format('%s %s %s %s %s', a.attname, a.atttypid, a.atttypmod, a.attnotnull, pg_get_expr(d.adbin, d.adrelid)), ',' order by a.attnum), '')
                  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
                 where a.attrelid = relation and a.attnum > 0 and not a.attisdropped)
            || (select coalesce(string_agg(k.oid::text, ',' order by k.oid), '') from pg_constraint k where k.conrelid = relation)
            || (select coalesce(string_agg(x.indexrelid::text, ',' order by x.indexrelid), '') from pg_index x where x.indrelid = relation)), 8)
      from concord_catalog.texts t where t.relid = relation and t.part = '$temporary'
$$;

-- The session's copy, if it is not there yet: columns, checks, keys, indexes and the grants of this moment. Keys have
-- the constraint's oid behind their names, for all of a session's copies lie in one schema.
create or replace function concord_catalog.make_temporary(relation regclass, name text, preserve boolean) returns void language plpgsql
    security definer set search_path = pg_catalog as $$
declare
    copy text := format('pg_temp.%I', name);
    statement text;
begin
    if to_regclass(copy) is not null then
        return;
    end if;
    execute format('create temporary table %I (like %s including defaults including constraints including generated including storage) on commit %s rows',
                   name, relation, case when preserve then 'preserve' else 'delete' end);
    for statement in
        select format('drop table pg_temp.%I', c.relname) from pg_class c -- of an earlier definition, and empty
         where c.relnamespace = pg_my_temp_schema() and c.relkind = 'r' and c.relname like 'g' || relation::oid || '\_%' and c.relname <> name
        union all
        select format('alter table %s add constraint %I %s', copy, left(k.conname, 50) || '#' || k.oid, pg_get_constraintdef(k.oid))
          from pg_constraint k where k.conrelid = relation and k.contype in ('p', 'u')
        union all
        select regexp_replace(pg_get_indexdef(x.indexrelid), '^(CREATE (?:UNIQUE )?INDEX) .*? (USING )', format('\1 ON %s \2', copy))
          from pg_index x
         where x.indrelid = relation and not exists (select from pg_constraint k where k.conindid = x.indexrelid and k.contype in ('p', 'u'))
    loop
        execute statement;
    end loop;
    -- not by GRANT: that would make DROP USER wait for sessions that are just closing
    update pg_class c set relacl = coalesce(d.relacl, acldefault('r', d.relowner)) from pg_class d where d.oid = relation and c.oid = to_regclass(copy);
    update pg_attribute a set attacl = d.attacl from pg_attribute d
     where d.attrelid = relation and d.attacl is not null and a.attrelid = to_regclass(copy) and a.attname = d.attname;
end
$$;

-- DROP and ALTER are refused while a session uses its copy: until it truncates it when COMMIT preserves the rows, else
-- until its transaction ends.
create or replace function concord_catalog.check_temporary_unused(relation regclass, code integer) returns void language plpgsql
    security definer set search_path = pg_catalog as $$
begin
    if exists (select from pg_class c join concord_catalog.texts t on t.relid = relation and t.part = '$temporary'
                where c.relpersistence = 't' and c.relkind = 'r' and c.relname like 'g' || relation::oid || '\_%'
                  and case t.text when 'PRESERVE' then pg_relation_size(c.oid) > 0
                                  else exists (select from pg_locks l where l.relation = c.oid and l.mode = 'RowExclusiveLock') end) then
        raise exception using errcode = 'ORA00', message = case code
            when 14452 then 'ORA-14452: attempt to create, alter or drop an index on temporary table already in use'
            else 'ORA-14450: attempt to access a transactional temp table already in use' end;
    end if;
end
$$;
