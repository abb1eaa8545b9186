-- What DDL statements call besides PostgreSQL's own: checks that Oracle makes, triggers switched, views replaced.

-- ALTER TABLE .. MODIFY: what Oracle does only to a column without values.
create or replace function concord_catalog.refuse_unless_empty(target regclass, column_name text, code integer) returns void language plpgsql
    security definer set search_path = pg_catalog as $$
declare
    filled boolean;
begin
    execute format('select exists (select from %s where %I is not null)', target, column_name) into filled;
    if filled then
        raise exception using errcode = 'ORA00', message = case code
            when 1440 then 'ORA-01440: column to be modified must be empty to decrease precision or scale'
            else 'ORA-01439: column to be modified must be empty to change datatype' end;
    end if;
end
$$;

-- Oracle keeps one index for a list of columns.
create or replace function concord_catalog.refuse_same_index(made regclass) returns void language plpgsql
    security definer set search_path = pg_catalog as $$
begin
    if exists (select from pg_index a join pg_index b on b.indrelid = a.indrelid and b.indexrelid <> a.indexrelid
                where a.indexrelid = made and b.indkey = a.indkey and b.indoption = a.indoption
                  and pg_get_expr(b.indexprs, b.indrelid) is not distinct from pg_get_expr(a.indexprs, a.indrelid)) then
        raise exception using errcode = 'ORA00', message = 'ORA-01408: such column list already indexed';
    end if;
end
$$;

-- ALTER TRIGGER .. ENABLE | DISABLE; a trigger that did not compile is not in PostgreSQL, and stays as it is.
create or replace function concord_catalog.enable_trigger(owner_name text, trigger_name text, enabled boolean) returns void language plpgsql
    security definer set search_path = pg_catalog as $$
declare
    target regclass := (select t.tgrelid from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
                         where t.tgname = trigger_name and n.nspname = owner_name and not t.tgisinternal);
    made text;
    changed jsonb;
begin
    if (select relkind = 'v' from pg_class where oid = target) then
        -- PostgreSQL cannot switch those of a view. One after a statement never fires while none fires instead.
        select format('%s %s on %s for each %s execute function %s(''fired'')', case when enabled then 'instead of' else 'after' end,
                      f.facts ->> 'event', target, case when enabled then 'row' else 'statement' end, t.tgfoid::regproc),
               jsonb_set(f.facts, '{disabled}', to_jsonb(not enabled))
          into made, changed
          from pg_trigger t cross join lateral (select obj_description(t.oid, 'pg_trigger')::jsonb) f (facts)
         where t.tgrelid = target and t.tgname = trigger_name;
        execute format('drop trigger %I on %s', trigger_name, target);
        execute format('create trigger %I %s', trigger_name, made);
        execute format('comment on trigger %I on %s is %L', trigger_name, target, changed);
    elsif target is not null then
        execute format('alter table %s %s trigger %I', target, case when enabled then 'enable' else 'disable' end, trigger_name);
    end if;
end
$$;

create or replace function concord_catalog.enable_all_triggers(target regclass, enabled boolean) returns void language plpgsql
    security definer set search_path = pg_catalog as $$
declare
    trigger_name text;
begin
    for trigger_name in select t.tgname from pg_trigger t where t.tgrelid = target and not t.tgisinternal and t.tgname not like '$%' loop
        execute format('alter table %s %s trigger %I', target, case when enabled then 'enable' else 'disable' end, trigger_name);
    end loop;
end
$$;

-- ALTER TABLE .. ENABLE | DISABLE CONSTRAINT of a foreign key or a check. Enabling looks at every row.
create or replace function concord_catalog.enable_constraint(target regclass, constraint_name text, enabled boolean) returns void language plpgsql
    security definer set search_path = pg_catalog as $$
declare
    k pg_constraint := (select c from pg_constraint c where c.conrelid = target and c.conname = constraint_name);
    made text := replace(pg_get_constraintdef(k.oid), ' NOT ENFORCED', '');
    enforced text := case when enabled then ' enforced' else ' not enforced' end;
begin
    if k.conenforced = enabled then
        return;
    elsif k.contype = 'f' then
        execute format('alter table %s alter constraint %I%s', target, constraint_name, enforced);
    else -- PostgreSQL cannot switch these
        execute format('alter table %s drop constraint %I', target, constraint_name);
        execute format('alter table %s add constraint %I %s%s', target, constraint_name, made, enforced);
    end if;
end
$$;

-- What a DDL statement takes something from: every view over it, and over those, keeps its columns, reads nothing and is
-- invalid until it is compiled again (views.py). `part`: the number of a column, 0 for all of it.
create or replace function concord_catalog.invalidate_views(class regclass, target oid, part integer) returns void language plpgsql
    security definer set search_path = pg_catalog as $$
declare
    above regclass;
begin
    for above in
        with recursive over (relid) as (
            select r.ev_class from pg_depend d join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
             where d.refclassid = class and d.refobjid = target and (part = 0 or d.refobjsubid = part) and r.ev_class <> target
            union
            select r.ev_class from over o join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = o.relid
              join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and r.ev_class <> o.relid
        )
        select relid from over
    loop
        execute format('create or replace view %s as select %s where false', above,
            (select string_agg(format('null::%s%s as %I', format_type(a.atttypid, a.atttypmod),
                                      case when a.attcollation <> t.typcollation then ' collate ' || a.attcollation::regcollation else '' end, a.attname), ', ' order by a.attnum)
               from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = above and a.attnum > 0 and not a.attisdropped));
        insert into concord_catalog.texts (relid, part, text) values (above, '$invalid', '') on conflict do nothing;
    end loop;
end
$$;

-- CREATE OR REPLACE VIEW, and the same when an invalid view is compiled again, which keeps its triggers. PostgreSQL keeps
-- a view only while its columns stay; else it is made anew with its grants.
create or replace function concord_catalog.replace_view(schema text, name text, made text, keeping boolean default false) returns void language plpgsql
    security definer set search_path = pg_catalog as $$
declare
    target regclass := to_regclass(format('%I.%I', schema, name));
    again text[];
    each text;
begin
    if not keeping then
        for each in select t.tgfoid::regprocedure from pg_trigger t where t.tgrelid = target and not t.tgisinternal loop
            execute format('drop function %s cascade', each);
        end loop;
    end if;
    begin
        execute 'create or replace ' || made;
    exception when invalid_table_definition then
        perform concord_catalog.invalidate_views('pg_class', target, 0);
        select array_agg(statement) into again from (
            select format('grant %s on %s to %s%s', a.privilege_type, target,
                          coalesce((select quote_ident(r.rolname) from pg_roles r where r.oid = a.grantee), 'public'),
                          case when a.is_grantable then ' with grant option' else '' end)
              from pg_class c, aclexplode(c.relacl) a where c.oid = target and a.grantee <> c.relowner
            union all
            select unnest(array[pg_get_triggerdef(t.oid), format('comment on trigger %I on %s is %L', t.tgname, target, obj_description(t.oid, 'pg_trigger'))])
              from pg_trigger t where t.tgrelid = target and not t.tgisinternal
        ) s (statement);
        execute format('drop view %s', target);
        execute 'create ' || made;
        foreach each in array coalesce(again, '{}') loop
            execute each;
        end loop;
    end;
    execute format('alter view %I.%I owner to %I', schema, name, schema);
    target := to_regclass(format('%I.%I', schema, name));
    delete from concord_catalog.texts where relid = target and part = '$invalid';
    -- What it reads was valid a moment ago: it can only have become invalid because it reads this view.
    if exists (select from concord_catalog.read_by(target) b join concord_catalog.texts i on i.relid = b and i.part = '$invalid')
       or exists (select from concord_catalog.read_by(target) b join pg_rewrite r on r.ev_class = b and b <> target
                    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refobjid = target) then
        raise exception using errcode = 'ORA00', message = 'ORA-01731: circular view definition encountered';
    end if;
end
$$;

-- The tables that a view reads, through other views too; of a table itself. A view depends on what it reads through
-- its rewrite rule.
create or replace function concord_catalog.read_by(target oid) returns setof oid language sql stable
    set search_path = pg_catalog as $$
with recursive used (relid) as (
    values (target)
    union
    select d.refobjid from used u join pg_rewrite r on r.ev_class = u.relid
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
)
select relid from used
$$;

-- What a function says that PostgreSQL runs before it reads those tables and views: ORA-04091 while the statement
-- that runs it is changing one of them (oracle.mutating, a line for each table).
create or replace function concord_catalog.refuse_mutating(names text[]) returns void language plpgsql stable
    security definer set search_path = pg_catalog as $$
declare
    found text := (select n.nspname || '.' || c.relname from pg_class v join pg_namespace s on s.oid = v.relnamespace
                     cross join concord_catalog.read_by(v.oid) b join pg_class c on c.oid = b join pg_namespace n on n.oid = c.relnamespace
                    where s.nspname || '.' || v.relname = any (names)
                      and n.nspname || '.' || c.relname = any (string_to_array(current_setting('oracle.mutating'), E'\n')) limit 1);
begin
    if found is not null then
        raise exception using errcode = 'ORA00', message = 'ORA-04091: table ' || found || ' is mutating, trigger/function may not see it';
    end if;
end
$$;
