-- Oracle's dictionary. For each base view here (schema concord_catalog, name _tables, _columns ...) the end of the
-- file makes DBA_, ALL_ and USER_ views in SYS. Columns that begin with $ are for that and do not come out.

create or replace function concord_catalog.holders(who text) returns setof text language sql stable
    set search_path = pg_catalog as $$
    with recursive holders (name) as (
        values (who), ('PUBLIC')
         union select g.role from concord_catalog.role_grants g join holders h on h.name = g.grantee)
    select name from holders
$$;

create or replace function concord_catalog.is_dba(who text) returns boolean language sql stable security definer
    set search_path = pg_catalog as $$
    select who in ('SYS', 'SYSTEM') or exists (select from concord_catalog.holders(who) h where h = 'DBA')
$$;

-- Whether `who` has any right on an object that is not his own.
create or replace function concord_catalog.sees(who text, owner_name text, object_name text) returns boolean
    language sql stable security definer set search_path = pg_catalog as $$
    select owner_name = who or owner_name = 'PUBLIC' or concord_catalog.is_dba(who)
        or exists (select from concord_catalog.object_grants g join concord_catalog.holders(who) h on h = g.grantee
                    where g.owner = owner_name and g.name = object_name)
        or exists (select from concord_catalog.system_grants g join concord_catalog.holders(who) h on h = g.grantee
                    where g.privilege in ('SELECT ANY TABLE', 'READ ANY TABLE', 'EXECUTE ANY PROCEDURE'))
$$;

create or replace function concord_catalog.data_length(data_type text, length integer, char_used text)
    returns numeric language sql immutable as $$
    select case when data_type in ('VARCHAR2', 'CHAR', 'NVARCHAR2', 'NCHAR')
                then case when char_used = 'C' then least(length * 4, 32767) else length end
                when data_type = 'RAW' then length
                when data_type in ('NUMBER', 'FLOAT') then 22
                when data_type = 'DATE' then 7
                when data_type like 'TIMESTAMP%TIME ZONE' and data_type not like '%LOCAL%' then 13
                when data_type like 'TIMESTAMP%' or data_type like 'INTERVAL DAY%' then 11
                when data_type like 'INTERVAL YEAR%' then 5
                when data_type = 'BINARY_FLOAT' then 4
                when data_type = 'BINARY_DOUBLE' then 8
                when data_type = 'BOOLEAN' then 1
                when data_type in ('LONG', 'LONG RAW') then 0
                else 4000 end::numeric
$$;

-- The Oracle type of a column that was never declared to us: those of views, and of this dictionary.
create or replace function concord_catalog.type_name(pg_type text, modifier integer) returns text
    language sql immutable as $$
    select case pg_type
           when 'numeric' then 'NUMBER' when 'int2' then 'NUMBER' when 'int4' then 'NUMBER' when 'int8' then 'NUMBER'
           when 'float4' then 'BINARY_FLOAT' when 'float8' then 'BINARY_DOUBLE' when 'bpchar' then 'CHAR'
           when 'clob' then 'CLOB' when 'blob' then 'BLOB' when 'bytea' then 'RAW' when 'date' then 'DATE'
           when 'timestamp' then 'TIMESTAMP(' || case when modifier < 0 then 6 else modifier end || ')'
           when 'timestamptz' then 'TIMESTAMP(' || case when modifier < 0 then 6 else modifier end || ') WITH LOCAL TIME ZONE'
           when 'zoned' then 'TIMESTAMP(' || case when modifier < 0 then 6 else modifier & 65535 end || ') WITH TIME ZONE'
           when 'interval' then 'INTERVAL DAY(2) TO SECOND(6)' when 'bool' then 'BOOLEAN' else 'VARCHAR2' end
$$;

create or replace view concord_catalog.relations as
select c.oid as relid, n.nspname::varchar(128) collate "default" as owner, c.relname::varchar(128) as name, c.relkind as kind, c.relpersistence as persistence,
       c.reltuples as tuples, c.relpages as pages, c.reltype as row_type,
       coalesce(o.object_id, c.oid::bigint)::numeric as object_id,
       coalesce(o.created, '2020-01-01'::timestamp) as created, coalesce(o.changed, '2020-01-01'::timestamp) as changed
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  join concord_catalog.users u on u.name = n.nspname
  left join concord_catalog.objects o on o.relid = c.oid
 where c.relkind in ('r', 'p', 'v', 'm', 'S', 'i') and c.relname not like '$%'
   and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.deptype = 'i' and c.relkind = 'S')
   and not exists (select from pg_catalog.pg_index x join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
                    where x.indexrelid = c.oid and x.indnatts = 1 and a.attname = 'ROWID');

create or replace view concord_catalog._tables as
select r.owner as "OWNER", r.name as "TABLE_NAME", case when m.text is null then 'USERS' end::varchar(30) as "TABLESPACE_NAME",
       null::varchar(128) as "CLUSTER_NAME", null::varchar(128) as "IOT_NAME", 'VALID'::varchar(8) as "STATUS",
       10::numeric as "PCT_FREE", 1::numeric as "INI_TRANS", 255::numeric as "MAX_TRANS", 'YES'::varchar(3) as "LOGGING", 'N'::varchar(1) as "BACKED_UP",
       case when r.tuples < 0 then null else r.tuples end::numeric as "NUM_ROWS", case when r.tuples < 0 then null else r.pages end::numeric as "BLOCKS",
       null::numeric as "AVG_ROW_LEN", '1'::varchar(10) as "DEGREE", 'N'::varchar(5) as "CACHE", 'ENABLED'::varchar(8) as "TABLE_LOCK",
       null::numeric as "SAMPLE_SIZE",
       coalesce(pg_catalog.pg_stat_get_last_analyze_time(r.relid), pg_catalog.pg_stat_get_last_autoanalyze_time(r.relid))::timestamp::oracle.date as "LAST_ANALYZED",
       'NO'::varchar(3) as "PARTITIONED", null::varchar(12) as "IOT_TYPE", case when m.text is null then 'N' else 'Y' end::varchar(1) as "TEMPORARY",
       'N'::varchar(1) as "SECONDARY", 'NO'::varchar(3) as "NESTED", 'DISABLED'::varchar(8) as "ROW_MOVEMENT", 'YES'::varchar(3) as "GLOBAL_STATS",
       case m.text when 'DELETE' then 'SYS$TRANSACTION' when 'PRESERVE' then 'SYS$SESSION' end::varchar(15) as "DURATION", 'DISABLED'::varchar(8) as "DEPENDENCIES",
       'DISABLED'::varchar(8) as "COMPRESSION", 'NO'::varchar(3) as "DROPPED", 'NO'::varchar(3) as "READ_ONLY", 'NO'::varchar(3) as "EXTERNAL"
  from concord_catalog.relations r left join concord_catalog.texts m on m.relid = r.relid and m.part = '$temporary' where r.kind in ('r', 'p');

create or replace view concord_catalog._column_facts as
select r.relid, a.attnum, r.owner, r.name as table_name, r.kind, a.attname::varchar(128) as column_name,
       coalesce(k.type_text, concord_catalog.type_name(y.typname, a.atttypmod))::varchar(128) as data_type,
       case when k.relid is not null then k.length when y.typname in ('varchar', 'bpchar') and a.atttypmod > 4 then a.atttypmod - 4
            when y.typname = 'bytea' then 2000 else 4000 end as length,
       case when k.relid is not null then k.char_used when y.typname in ('varchar', 'bpchar', 'text') then 'C' else '' end as char_used,
       case when k.relid is not null then k.number_precision when y.typname = 'numeric' and a.atttypmod >= 4 then (a.atttypmod - 4) >> 16 & 65535 end::numeric as data_precision,
       case when k.relid is not null then k.number_scale when y.typname = 'numeric' and a.atttypmod >= 4 then ((((a.atttypmod - 4) & 2047) # 1024) - 1024) end::numeric as data_scale,
       case when a.attnotnull then 'N' else 'Y' end::varchar(1) as nullable, k.default_text, coalesce(k.default_on_null, false) as default_on_null, k.identity,
       coalesce(k.virtual, false) as virtual, coalesce(k.hidden, false) as hidden,
       row_number() over (partition by r.relid, coalesce(k.hidden, false) order by a.attnum) as position
  from concord_catalog.relations r
  join pg_catalog.pg_attribute a on a.attrelid = r.relid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_type y on y.oid = a.atttypid
  left join concord_catalog.columns k on k.relid = a.attrelid and k.attnum = a.attnum
 where r.kind in ('r', 'p', 'v', 'm') and (a.attname <> 'ROWID' or k.relid is not null);

create or replace view concord_catalog._tab_cols as
select f.owner as "OWNER", f.table_name as "TABLE_NAME", f.column_name as "COLUMN_NAME", f.data_type as "DATA_TYPE",
       null::varchar(3) as "DATA_TYPE_MOD", null::varchar(128) as "DATA_TYPE_OWNER",
       concord_catalog.data_length(f.data_type, f.length, f.char_used) as "DATA_LENGTH", f.data_precision as "DATA_PRECISION",
       case when f.data_type = 'FLOAT' then null else f.data_scale end::numeric as "DATA_SCALE", f.nullable as "NULLABLE",
       case when f.hidden then null else f.position end::numeric as "COLUMN_ID",
       length(f.default_text)::numeric as "DEFAULT_LENGTH", f.default_text::text as "DATA_DEFAULT",
       null::numeric as "NUM_DISTINCT", null::numeric as "DENSITY", null::numeric as "NUM_NULLS", null::numeric as "NUM_BUCKETS", null::oracle.date as "LAST_ANALYZED", null::numeric as "SAMPLE_SIZE",
       case when f.char_used <> '' or f.data_type = 'CLOB' then 'CHAR_CS' end::varchar(44) as "CHARACTER_SET_NAME",
       case when f.char_used <> '' then f.length end::numeric as "CHAR_COL_DECL_LENGTH",
       case when f.char_used <> '' then f.length else 0 end::numeric as "CHAR_LENGTH",
       nullif(f.char_used, '')::varchar(1) as "CHAR_USED",
       case when f.hidden then 'YES' else 'NO' end::varchar(3) as "HIDDEN_COLUMN", case when f.virtual then 'YES' else 'NO' end::varchar(3) as "VIRTUAL_COLUMN",
       f.attnum::numeric as "SEGMENT_COLUMN_ID", f.attnum::numeric as "INTERNAL_COLUMN_ID", 'NONE'::varchar(15) as "HISTOGRAM", f.column_name as "QUALIFIED_COL_NAME",
       'YES'::varchar(3) as "USER_GENERATED", case when f.default_on_null then 'YES' else 'NO' end::varchar(3) as "DEFAULT_ON_NULL",
       case when f.identity is not null then 'YES' else 'NO' end::varchar(3) as "IDENTITY_COLUMN", null::varchar(100) as "COLLATION"
  from concord_catalog._column_facts f;

create or replace view concord_catalog._tab_columns as
select "OWNER", "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "DATA_TYPE_MOD", "DATA_TYPE_OWNER", "DATA_LENGTH", "DATA_PRECISION", "DATA_SCALE", "NULLABLE",
       "COLUMN_ID", "DEFAULT_LENGTH", "DATA_DEFAULT", "NUM_DISTINCT", "DENSITY", "NUM_NULLS", "NUM_BUCKETS", "LAST_ANALYZED", "SAMPLE_SIZE", "CHARACTER_SET_NAME",
       "CHAR_COL_DECL_LENGTH", "CHAR_LENGTH", "CHAR_USED", "HISTOGRAM", "DEFAULT_ON_NULL", "IDENTITY_COLUMN", "COLLATION"
  from concord_catalog._tab_cols where "HIDDEN_COLUMN" = 'NO';

create or replace view concord_catalog._tab_identity_cols as
select f.owner as "OWNER", f.table_name as "TABLE_NAME", f.column_name as "COLUMN_NAME",
       case when f.identity = 'ALWAYS' then 'ALWAYS' else 'BY DEFAULT' end::varchar(10) as "GENERATION_TYPE",
       split_part(pg_catalog.pg_get_serial_sequence(format('%I.%I', f.owner, f.table_name), f.column_name), '.', 2)::varchar(128) as "SEQUENCE_NAME"
  from concord_catalog._column_facts f where f.identity is not null;

create or replace view concord_catalog._views as
select r.owner as "OWNER", r.name as "VIEW_NAME", length(t.text)::numeric as "TEXT_LENGTH", t.text::text as "TEXT", t.text::varchar(4000) as "TEXT_VC",
       case when m.text = 'READ ONLY' then 'Y' else 'N' end::varchar(1) as "READ_ONLY", 'NO'::varchar(3) as "EDITIONING_VIEW"
  from concord_catalog.relations r left join concord_catalog.texts t on t.relid = r.relid and t.part = '' left join concord_catalog.texts m on m.relid = r.relid and m.part = '$mode'
 where r.kind = 'v';

create or replace view concord_catalog.constraint_facts as
select k.oid, r.relid, r.owner, r.name as table_name,
       case when k.contype = 'n' and k.conname like '%\_not\_null%' then 'SYS_C' || lpad(k.oid::text, 7, '0') else k.conname end::varchar(128) as name, k.contype, k.conkey, k.conindid, k.confrelid, k.confdeltype, k.condeferrable, k.condeferred,
       k.convalidated, k.conenforced,
       case k.contype when 'n' then '"' || (select a.attname from pg_catalog.pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1]) || '" IS NOT NULL'
                      when 'c' then coalesce(t.text, pg_catalog.pg_get_expr(k.conbin, k.conrelid)) end as condition
  from pg_catalog.pg_constraint k
  join concord_catalog.relations r on r.relid = k.conrelid
  left join concord_catalog.texts t on t.relid = k.conrelid and t.part = k.conname
 where k.contype in ('p', 'u', 'f', 'c', 'n') and k.conname not like '$%'
   and not (k.contype in ('n', 'u') and exists (select from pg_catalog.pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1] and a.attname = 'ROWID'))
   and not (k.contype = 'n' and exists (select from pg_catalog.pg_constraint p where p.conrelid = k.conrelid and p.contype = 'p' and k.conkey <@ p.conkey));

create or replace view concord_catalog._constraints as
select f.owner as "OWNER", f.name as "CONSTRAINT_NAME", case f.contype when 'p' then 'P' when 'u' then 'U' when 'f' then 'R' else 'C' end::varchar(1) as "CONSTRAINT_TYPE",
       f.table_name as "TABLE_NAME", f.condition::text as "SEARCH_CONDITION", f.condition::varchar(4000) as "SEARCH_CONDITION_VC",
       p.owner as "R_OWNER", p.name as "R_CONSTRAINT_NAME",
       case when f.contype = 'f' then case f.confdeltype when 'c' then 'CASCADE' when 'n' then 'SET NULL' else 'NO ACTION' end end::varchar(9) as "DELETE_RULE",
       case when f.conenforced then 'ENABLED' else 'DISABLED' end::varchar(8) as "STATUS", case when f.condeferrable then 'DEFERRABLE' else 'NOT DEFERRABLE' end::varchar(14) as "DEFERRABLE",
       case when f.condeferred then 'DEFERRED' else 'IMMEDIATE' end::varchar(9) as "DEFERRED", case when f.convalidated then 'VALIDATED' else 'NOT VALIDATED' end::varchar(13) as "VALIDATED",
       case when f.name like 'SYS\_C%' then 'GENERATED NAME' else 'USER NAME' end::varchar(14) as "GENERATED", null::varchar(3) as "BAD", null::varchar(4) as "RELY",
       r.changed::oracle.date as "LAST_CHANGE", case when f.conindid <> 0 and f.contype <> 'f' then f.owner end::varchar(128) as "INDEX_OWNER",
       case when f.contype <> 'f' then (select i.relname from pg_catalog.pg_class i where i.oid = f.conindid) end::varchar(128) as "INDEX_NAME", null::varchar(7) as "INVALID", null::varchar(14) as "VIEW_RELATED"
  from concord_catalog.constraint_facts f
  join concord_catalog.relations r on r.relid = f.relid
  left join concord_catalog.constraint_facts p on f.contype = 'f' and p.relid = f.confrelid and p.contype in ('p', 'u') and p.conindid = f.conindid;

create or replace view concord_catalog._cons_columns as
select f.owner as "OWNER", f.name as "CONSTRAINT_NAME", f.table_name as "TABLE_NAME", a.attname::varchar(128) as "COLUMN_NAME",
       case when f.contype in ('p', 'u', 'f') then c.position end::numeric as "POSITION"
  from concord_catalog.constraint_facts f, unnest(f.conkey) with ordinality c (attnum, position), pg_catalog.pg_attribute a
 where a.attrelid = f.relid and a.attnum = c.attnum;

create or replace view concord_catalog.index_facts as
select x.indexrelid, r.owner, r.name, t.owner as table_owner, t.name as table_name, x.indisunique, x.indkey, x.indoption, x.indnkeyatts, x.indrelid,
       r.tuples, r.created, r.changed
  from pg_catalog.pg_index x
  join concord_catalog.relations r on r.relid = x.indexrelid
  join concord_catalog.relations t on t.relid = x.indrelid;

create or replace view concord_catalog._indexes as
select f.owner as "OWNER", f.name as "INDEX_NAME", case when 0 = any (f.indkey::smallint[]) then 'FUNCTION-BASED NORMAL' else 'NORMAL' end::varchar(27) as "INDEX_TYPE",
       f.table_owner as "TABLE_OWNER", f.table_name as "TABLE_NAME", 'TABLE'::varchar(11) as "TABLE_TYPE",
       case when f.indisunique then 'UNIQUE' else 'NONUNIQUE' end::varchar(9) as "UNIQUENESS", 'DISABLED'::varchar(13) as "COMPRESSION", 'USERS'::varchar(30) as "TABLESPACE_NAME",
       2::numeric as "INI_TRANS", 255::numeric as "MAX_TRANS", 10::numeric as "PCT_FREE", 'YES'::varchar(3) as "LOGGING", null::numeric as "BLEVEL", null::numeric as "LEAF_BLOCKS",
       null::numeric as "DISTINCT_KEYS", null::numeric as "CLUSTERING_FACTOR", 'VALID'::varchar(8) as "STATUS", case when f.tuples < 0 then null else f.tuples end::numeric as "NUM_ROWS",
       null::oracle.date as "LAST_ANALYZED", '1'::varchar(40) as "DEGREE", 'NO'::varchar(3) as "PARTITIONED", 'N'::varchar(1) as "TEMPORARY",
       case when f.name like 'SYS\_C%' then 'Y' else 'N' end::varchar(1) as "GENERATED", 'VISIBLE'::varchar(9) as "VISIBILITY",
       case when 0 = any (f.indkey::smallint[]) then 'ENABLED' end::varchar(8) as "FUNCIDX_STATUS"
  from concord_catalog.index_facts f;

create or replace view concord_catalog._ind_columns as
select f.owner as "INDEX_OWNER", f.name as "INDEX_NAME", f.table_owner as "TABLE_OWNER", f.table_name as "TABLE_NAME",
       coalesce(a.attname, 'SYS_NC' || to_char(k.position, 'FM00000') || '$')::varchar(4000) as "COLUMN_NAME", k.position::numeric as "COLUMN_POSITION",
       null::numeric as "COLUMN_LENGTH", null::numeric as "CHAR_LENGTH", case when f.indoption[k.position - 1] & 1 = 1 then 'DESC' else 'ASC' end::varchar(4) as "DESCEND", f.owner as "$OWNER"
  from concord_catalog.index_facts f
 cross join lateral unnest(f.indkey::smallint[]) with ordinality k (attnum, position)
  left join pg_catalog.pg_attribute a on a.attrelid = f.indrelid and a.attnum = k.attnum and k.attnum > 0
 where k.position <= f.indnkeyatts;

create or replace view concord_catalog._ind_expressions as
select f.owner as "INDEX_OWNER", f.name as "INDEX_NAME", f.table_owner as "TABLE_OWNER", f.table_name as "TABLE_NAME",
       coalesce((select t.text from concord_catalog.texts t where t.relid = f.indexrelid and t.part = k.position::text),
                pg_catalog.pg_get_indexdef(f.indexrelid, k.position::integer, true))::text as "COLUMN_EXPRESSION",
       k.position::numeric as "COLUMN_POSITION", f.owner as "$OWNER"
  from concord_catalog.index_facts f
 cross join lateral unnest(f.indkey::smallint[]) with ordinality k (attnum, position)
 where k.attnum = 0;

create or replace view concord_catalog._objects as
select r.owner as "OWNER", r.name as "OBJECT_NAME", null::varchar(128) as "SUBOBJECT_NAME", r.object_id as "OBJECT_ID", r.relid::bigint::numeric as "DATA_OBJECT_ID",
       case r.kind when 'r' then 'TABLE' when 'p' then 'TABLE' when 'S' then 'SEQUENCE' when 'i' then 'INDEX' else 'VIEW' end::varchar(23) as "OBJECT_TYPE",
       r.created::oracle.date as "CREATED", r.changed::oracle.date as "LAST_DDL_TIME", to_char(r.changed, 'YYYY-MM-DD:HH24:MI:SS')::varchar(19) as "TIMESTAMP",
       case when exists (select from concord_catalog.texts i where i.relid = r.relid and i.part = '$invalid') then 'INVALID' else 'VALID' end::varchar(7) as "STATUS",
       case when exists (select from concord_catalog.texts m where m.relid = r.relid and m.part = '$temporary') then 'Y' else 'N' end::varchar(1) as "TEMPORARY", 'N'::varchar(1) as "GENERATED", 'N'::varchar(1) as "SECONDARY", 1::numeric as "NAMESPACE", null::varchar(128) as "EDITION_NAME",
       case when r.owner = 'SYS' then 'Y' else 'N' end::varchar(1) as "ORACLE_MAINTAINED"
  from concord_catalog.relations r
union all
select o.owner, o.name, null, o.object_id, null, o.kind, o.created::oracle.date, o.changed::oracle.date, to_char(o.changed, 'YYYY-MM-DD:HH24:MI:SS'), coalesce(u.status, 'VALID'), 'N', 'N', 'N', 1, null, 'N'
  from concord_catalog.objects o
  left join concord_catalog.units u on u.owner = o.owner and u.name = o.name and u.kind = o.kind
 where o.relid is null;

create or replace view concord_catalog._source as
select u.owner as "OWNER", u.name as "NAME", u.kind as "TYPE", l.line::numeric as "LINE", (l.text || chr(10))::varchar(4000) as "TEXT", 0::numeric as "ORIGIN_CON_ID"
  from (select owner::varchar(128), name::varchar(128), kind::varchar(12),
               regexp_replace(text, '^\s*create\s+(or\s+replace\s+)?((non)?editionable\s+)?', '', 'i') as text
          from concord_catalog.units) u
 cross join lateral regexp_split_to_table(u.text, chr(10)) with ordinality l (text, line);

create or replace view concord_catalog._errors as
select e.owner::varchar(128) as "OWNER", e.name::varchar(128) as "NAME", e.kind::varchar(12) as "TYPE", e.sequence::numeric as "SEQUENCE", e.line::numeric as "LINE", e.position::numeric as "POSITION",
       e.text::varchar(4000) as "TEXT", 'ERROR'::varchar(9) as "ATTRIBUTE", coalesce(substring(e.text from '^[A-Z]+-(\d+)')::numeric, 0) as "MESSAGE_NUMBER"
  from concord_catalog.unit_errors e;

create or replace view concord_catalog._procedures as
select u.owner::varchar(128) as "OWNER", u.name::varchar(128) as "OBJECT_NAME", null::varchar(128) as "PROCEDURE_NAME", o.object_id::numeric as "OBJECT_ID", u.kind::varchar(13) as "OBJECT_TYPE",
       'DEFINER'::varchar(12) as "AUTHID"
  from concord_catalog.units u join concord_catalog.objects o using (owner, name, kind)
 where u.kind in ('PACKAGE', 'PROCEDURE', 'FUNCTION', 'TRIGGER');

create or replace view concord_catalog._sequences as
select r.owner as "SEQUENCE_OWNER", r.name as "SEQUENCE_NAME", s.seqmin::numeric as "MIN_VALUE", s.seqmax::numeric as "MAX_VALUE", s.seqincrement::numeric as "INCREMENT_BY",
       case when s.seqcycle then 'Y' else 'N' end::varchar(1) as "CYCLE_FLAG", 'N'::varchar(1) as "ORDER_FLAG", case when s.seqcache = 1 then 0 else s.seqcache end::numeric as "CACHE_SIZE",
       coalesce(pg_catalog.pg_sequence_last_value(r.relid) + s.seqincrement, s.seqstart)::numeric as "LAST_NUMBER", r.owner as "$OWNER"
  from concord_catalog.relations r join pg_catalog.pg_sequence s on s.seqrelid = r.relid;

create or replace view concord_catalog._synonyms as
select s.owner::varchar(128) as "OWNER", s.name::varchar(128) as "SYNONYM_NAME", s.target_owner::varchar(128) as "TABLE_OWNER", s.target_name::varchar(128) as "TABLE_NAME", null::varchar(128) as "DB_LINK"
  from concord_catalog.synonyms s;

create or replace view concord_catalog._tab_comments as
select r.owner as "OWNER", r.name as "TABLE_NAME", case when r.kind = 'v' then 'VIEW' else 'TABLE' end::varchar(11) as "TABLE_TYPE", pg_catalog.obj_description(r.relid, 'pg_class')::varchar(4000) as "COMMENTS"
  from concord_catalog.relations r where r.kind in ('r', 'p', 'v');

create or replace view concord_catalog._col_comments as
select f.owner as "OWNER", f.table_name as "TABLE_NAME", f.column_name as "COLUMN_NAME", pg_catalog.col_description(f.relid, f.attnum)::varchar(4000) as "COMMENTS"
  from concord_catalog._column_facts f where not f.hidden;

create or replace view concord_catalog._tab_privs as
select g.grantee::varchar(128) as "GRANTEE", g.owner::varchar(128) as "OWNER", g.name::varchar(128) as "TABLE_NAME", g.grantor::varchar(128) as "GRANTOR", g.privilege::varchar(40) as "PRIVILEGE",
       case when g.grantable then 'YES' else 'NO' end::varchar(3) as "GRANTABLE", 'NO'::varchar(3) as "HIERARCHY", g.kind::varchar(24) as "TYPE"
  from concord_catalog.object_grants g where g.column_name = '';

create or replace view concord_catalog._col_privs as
select g.grantee::varchar(128) as "GRANTEE", g.owner::varchar(128) as "OWNER", g.name::varchar(128) as "TABLE_NAME", g.column_name::varchar(128) as "COLUMN_NAME", g.grantor::varchar(128) as "GRANTOR", g.privilege::varchar(40) as "PRIVILEGE",
       case when g.grantable then 'YES' else 'NO' end::varchar(3) as "GRANTABLE"
  from concord_catalog.object_grants g where g.column_name <> '';

create or replace view concord_catalog._triggers as
select n.nspname::varchar(128) as "OWNER", t.tgname::varchar(128) as "TRIGGER_NAME", (k.facts ->> 'type')::varchar(16) as "TRIGGER_TYPE",
       (k.facts ->> 'event')::varchar(246) as "TRIGGERING_EVENT",
       r.owner as "TABLE_OWNER", case when r.kind = 'v' then 'VIEW' else 'TABLE' end::varchar(18) as "BASE_OBJECT_TYPE", r.name as "TABLE_NAME", null::varchar(4000) as "COLUMN_NAME",
       (k.facts ->> 'names')::varchar(422) as "REFERENCING_NAMES", (k.facts ->> 'when')::varchar(4000) as "WHEN_CLAUSE",
       case when t.tgenabled = 'D' or k.facts ->> 'disabled' = 'true' then 'DISABLED' else 'ENABLED' end::varchar(8) as "STATUS",
       (k.facts ->> 'description')::varchar(4000) as "DESCRIPTION", 'PL/SQL'::varchar(11) as "ACTION_TYPE", (k.facts ->> 'body')::text as "TRIGGER_BODY", 'NO'::varchar(7) as "CROSSEDITION",
       case when k.facts -> 'points' ? 'BEFORE STATEMENT' then 'YES' else 'NO' end::varchar(3) as "BEFORE_STATEMENT", case when k.facts -> 'points' ? 'BEFORE EACH ROW' then 'YES' else 'NO' end::varchar(3) as "BEFORE_ROW",
       case when k.facts -> 'points' ? 'AFTER EACH ROW' then 'YES' else 'NO' end::varchar(3) as "AFTER_ROW", case when k.facts -> 'points' ? 'AFTER STATEMENT' then 'YES' else 'NO' end::varchar(3) as "AFTER_STATEMENT",
       case when k.facts -> 'points' ? 'INSTEAD OF EACH ROW' then 'YES' else 'NO' end::varchar(3) as "INSTEAD_OF_ROW", 'YES'::varchar(3) as "FIRE_ONCE", 'NO'::varchar(3) as "APPLY_SERVER_ONLY"
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_proc p on p.oid = t.tgfoid
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join concord_catalog.relations r on r.relid = t.tgrelid
 cross join lateral (select pg_catalog.obj_description(t.oid, 'pg_trigger')::jsonb as facts) k
 where not t.tgisinternal and t.tgname not like '$%';

create or replace view concord_catalog._tab_statistics as
select r.owner as "OWNER", r.name as "TABLE_NAME", 'TABLE'::varchar(12) as "OBJECT_TYPE", case when r.tuples < 0 then null else r.tuples end::numeric as "NUM_ROWS", case when r.tuples < 0 then null else r.pages end::numeric as "BLOCKS",
       null::numeric as "AVG_ROW_LEN", coalesce(pg_catalog.pg_stat_get_last_analyze_time(r.relid), pg_catalog.pg_stat_get_last_autoanalyze_time(r.relid))::timestamp::oracle.date as "LAST_ANALYZED",
       null::numeric as "SAMPLE_SIZE", null::varchar(5) as "STATTYPE_LOCKED", case when r.tuples >= 0 then 'NO' end::varchar(3) as "STALE_STATS"
  from concord_catalog.relations r where r.kind in ('r', 'p');

-- One view as DBA_, ALL_ and USER_: which column says who owns, and what the object is called.
create or replace procedure concord_catalog.publish(base text, name text, owner_column text, object_column text)
    language plpgsql set search_path = pg_catalog as $$
declare
    shown text;
    own text;
begin
    select string_agg(quote_ident(attname), ', ' order by attnum),
           string_agg(quote_ident(attname), ', ' order by attnum) filter (where attname <> owner_column)
      into shown, own
      from pg_attribute
     where attrelid = ('concord_catalog.' || base)::regclass and attnum > 0 and attname not like '$%';
    execute format('create or replace view "SYS".%I as select %s from concord_catalog.%I', 'DBA_' || name, shown, base);
    execute format('create or replace view "SYS".%I as select %s from concord_catalog.%I where concord_catalog.sees(current_user, %I, %I)', 'ALL_' || name, shown, base, owner_column, object_column);
    execute format('create or replace view "SYS".%I as select %s from concord_catalog.%I where %I = current_user', 'USER_' || name, own, base, owner_column);
    execute format('grant select on "SYS".%I, "SYS".%I to public', 'ALL_' || name, 'USER_' || name);
    execute format('grant select on "SYS".%I to "SELECT_CATALOG_ROLE"', 'DBA_' || name);
end
$$;

do $$ begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'SYS') then
        create role "SYS" nologin;
        create role "SELECT_CATALOG_ROLE" nologin;
        create schema "SYS" authorization "SYS";
        grant usage on schema "SYS", oracle, concord_catalog to public;
    end if;
end $$;

call concord_catalog.publish('_tables', 'TABLES', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_tab_cols', 'TAB_COLS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_tab_columns', 'TAB_COLUMNS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_tab_identity_cols', 'TAB_IDENTITY_COLS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_views', 'VIEWS', 'OWNER', 'VIEW_NAME');
call concord_catalog.publish('_constraints', 'CONSTRAINTS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_cons_columns', 'CONS_COLUMNS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_indexes', 'INDEXES', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_ind_columns', 'IND_COLUMNS', '$OWNER', 'TABLE_NAME');
call concord_catalog.publish('_ind_expressions', 'IND_EXPRESSIONS', '$OWNER', 'TABLE_NAME');
call concord_catalog.publish('_objects', 'OBJECTS', 'OWNER', 'OBJECT_NAME');
call concord_catalog.publish('_source', 'SOURCE', 'OWNER', 'NAME');
call concord_catalog.publish('_errors', 'ERRORS', 'OWNER', 'NAME');
call concord_catalog.publish('_procedures', 'PROCEDURES', 'OWNER', 'OBJECT_NAME');
call concord_catalog.publish('_sequences', 'SEQUENCES', '$OWNER', 'SEQUENCE_NAME');
call concord_catalog.publish('_synonyms', 'SYNONYMS', 'OWNER', 'SYNONYM_NAME');
call concord_catalog.publish('_tab_comments', 'TAB_COMMENTS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_col_comments', 'COL_COMMENTS', 'OWNER', 'TABLE_NAME');
drop view if exists "SYS"."USER_TAB_PRIVS";
call concord_catalog.publish('_tab_privs', 'TAB_PRIVS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_col_privs', 'COL_PRIVS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_triggers', 'TRIGGERS', 'OWNER', 'TRIGGER_NAME');
call concord_catalog.publish('_tab_statistics', 'TAB_STATISTICS', 'OWNER', 'TABLE_NAME');

-- What is granted to the user, too, stands in his USER_TAB_PRIVS.
drop view if exists "SYS"."USER_TAB_PRIVS";
create view "SYS"."USER_TAB_PRIVS" as
select "GRANTEE", "OWNER", "TABLE_NAME", "GRANTOR", "PRIVILEGE", "GRANTABLE", "HIERARCHY", "TYPE" from concord_catalog._tab_privs
 where current_user in ("OWNER", "GRANTEE", "GRANTOR");
grant select on "SYS"."USER_TAB_PRIVS" to public;
