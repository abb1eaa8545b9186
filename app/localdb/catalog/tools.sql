-- What SQL tools ask besides the dictionary proper. What the local database does not have (materialized views, object
-- types, links, partitions, jobs) is shown as it is: views without rows. The last part publishes all of it in SYS.

create or replace view concord_catalog._mviews as select ''::varchar(128) as "OWNER", ''::varchar(128) as "MVIEW_NAME", ''::varchar(128) as "CONTAINER_NAME", null::text as "QUERY", ''::varchar(128) as "UPDATABLE", ''::varchar(128) as "REWRITE_ENABLED", ''::varchar(128) as "REFRESH_MODE", ''::varchar(128) as "REFRESH_METHOD", ''::varchar(128) as "BUILD_MODE", ''::varchar(128) as "LAST_REFRESH_TYPE", null::oracle.date as "LAST_REFRESH_DATE", ''::varchar(128) as "STALENESS", ''::varchar(128) as "COMPILE_STATE" where false;
create or replace view concord_catalog._types as select ''::varchar(128) as "OWNER", ''::varchar(128) as "TYPE_NAME", ''::varchar(128) as "TYPE_OID", ''::varchar(128) as "TYPECODE", 0::numeric as "ATTRIBUTES", 0::numeric as "METHODS", ''::varchar(128) as "PREDEFINED", ''::varchar(128) as "INCOMPLETE", ''::varchar(128) as "FINAL", ''::varchar(128) as "INSTANTIABLE" where false;
create or replace view concord_catalog._db_links as select ''::varchar(128) as "OWNER", ''::varchar(128) as "DB_LINK", ''::varchar(128) as "USERNAME", ''::varchar(128) as "HOST", null::oracle.date as "CREATED" where false;
create or replace view concord_catalog._tab_partitions as select ''::varchar(128) as "TABLE_OWNER", ''::varchar(128) as "TABLE_NAME", ''::varchar(128) as "COMPOSITE", ''::varchar(128) as "PARTITION_NAME", 0::numeric as "SUBPARTITION_COUNT", null::text as "HIGH_VALUE", 0::numeric as "PARTITION_POSITION", ''::varchar(128) as "TABLESPACE_NAME", 0::numeric as "NUM_ROWS", 0::numeric as "BLOCKS", null::oracle.date as "LAST_ANALYZED" where false;
create or replace view concord_catalog._part_tables as select ''::varchar(128) as "OWNER", ''::varchar(128) as "TABLE_NAME", ''::varchar(128) as "PARTITIONING_TYPE", ''::varchar(128) as "SUBPARTITIONING_TYPE", 0::numeric as "PARTITION_COUNT", ''::varchar(128) as "STATUS", ''::varchar(128) as "INTERVAL" where false;
create or replace view concord_catalog._external_tables as select ''::varchar(128) as "OWNER", ''::varchar(128) as "TABLE_NAME", ''::varchar(128) as "TYPE_OWNER", ''::varchar(128) as "TYPE_NAME", ''::varchar(128) as "DEFAULT_DIRECTORY_OWNER", ''::varchar(128) as "DEFAULT_DIRECTORY_NAME", ''::varchar(128) as "REJECT_LIMIT", ''::varchar(128) as "ACCESS_TYPE" where false;
create or replace view concord_catalog._scheduler_jobs as select ''::varchar(128) as "OWNER", ''::varchar(128) as "JOB_NAME", ''::varchar(128) as "JOB_STYLE", ''::varchar(128) as "JOB_CREATOR", ''::varchar(128) as "PROGRAM_NAME", ''::varchar(128) as "JOB_TYPE", ''::varchar(128) as "JOB_ACTION", ''::varchar(128) as "SCHEDULE_NAME", ''::varchar(128) as "REPEAT_INTERVAL", ''::varchar(128) as "ENABLED", ''::varchar(128) as "STATE", 0::numeric as "RUN_COUNT", 0::numeric as "FAILURE_COUNT", ''::varchar(128) as "COMMENTS" where false;
create or replace view concord_catalog._tab_histograms as select ''::varchar(128) as "OWNER", ''::varchar(128) as "TABLE_NAME", ''::varchar(128) as "COLUMN_NAME", 0::numeric as "ENDPOINT_NUMBER", 0::numeric as "ENDPOINT_VALUE" where false;
create or replace view "SYS"."USER_RECYCLEBIN" as select ''::varchar(128) as "OBJECT_NAME", ''::varchar(128) as "ORIGINAL_NAME", ''::varchar(9) as "OPERATION", ''::varchar(25) as "TYPE", ''::varchar(30) as "TS_NAME", ''::varchar(19) as "CREATETIME", ''::varchar(19) as "DROPTIME", 0::numeric as "SPACE" where false;
create or replace view "SYS"."USER_JOBS" as select 0::numeric as "JOB", ''::varchar(128) as "LOG_USER", null::oracle.date as "LAST_DATE", null::oracle.date as "NEXT_DATE", ''::varchar(1) as "BROKEN", ''::varchar(200) as "INTERVAL", 0::numeric as "FAILURES", ''::varchar(4000) as "WHAT" where false;
create or replace view "SYS"."ALL_DIRECTORIES" as select ''::varchar(128) as "OWNER", ''::varchar(128) as "DIRECTORY_NAME", ''::varchar(4000) as "DIRECTORY_PATH", 0::numeric as "ORIGIN_CON_ID" where false;

create or replace view concord_catalog._lobs as
select f.owner as "OWNER", f.table_name as "TABLE_NAME", f.column_name as "COLUMN_NAME", ('SYS_LOB' || f.relid || '$' || f.attnum)::varchar(128) as "SEGMENT_NAME", 'USERS'::varchar(30) as "TABLESPACE_NAME",
       ('SYS_IL' || f.relid || '$' || f.attnum)::varchar(128) as "INDEX_NAME", 8192::numeric as "CHUNK", 'NO'::varchar(10) as "CACHE", 'YES'::varchar(3) as "IN_ROW", 'YES'::varchar(3) as "SECUREFILE"
  from concord_catalog._column_facts f where f.kind = 'r' and f.data_type in ('CLOB', 'NCLOB', 'BLOB');
create or replace view concord_catalog._json_columns as
select f.owner as "OWNER", f.table_name as "TABLE_NAME", 'TABLE'::varchar(5) as "OBJECT_TYPE", f.column_name as "COLUMN_NAME", 'TEXT'::varchar(9) as "FORMAT", f.data_type::varchar(13) as "DATA_TYPE"
  from concord_catalog._column_facts f join concord_catalog.columns k on k.relid = f.relid and k.attnum = f.attnum and k.is_json where f.kind = 'r';
create or replace view concord_catalog._tab_col_statistics as
select c."OWNER", c."TABLE_NAME", c."COLUMN_NAME", c."NUM_DISTINCT", c."DENSITY", c."NUM_NULLS", c."NUM_BUCKETS", c."LAST_ANALYZED", c."SAMPLE_SIZE", c."HISTOGRAM" from concord_catalog._tab_cols c where c."LAST_ANALYZED" is not null;
create or replace view concord_catalog._ind_statistics as
select i."OWNER", i."INDEX_NAME", i."TABLE_OWNER", i."TABLE_NAME", 'INDEX'::varchar(12) as "OBJECT_TYPE", i."NUM_ROWS", i."LAST_ANALYZED" from concord_catalog._indexes i;
create or replace view concord_catalog._segments as
select r.owner as "OWNER", r.name as "SEGMENT_NAME", null::varchar(128) as "PARTITION_NAME", case when r.kind = 'i' then 'INDEX' else 'TABLE' end::varchar(18) as "SEGMENT_TYPE", 'USERS'::varchar(30) as "TABLESPACE_NAME",
       pg_catalog.pg_relation_size(r.relid)::numeric as "BYTES", (pg_catalog.pg_relation_size(r.relid) / 8192)::numeric as "BLOCKS", 1::numeric as "EXTENTS"
  from concord_catalog.relations r where r.kind in ('r', 'i');
-- What a view reads; PL/SQL's dependencies are not kept.
create or replace view concord_catalog._dependencies as
select distinct v.owner as "OWNER", v.name as "NAME", 'VIEW'::varchar(19) as "TYPE", t.owner as "REFERENCED_OWNER", t.name as "REFERENCED_NAME", case when t.kind = 'v' then 'VIEW' else 'TABLE' end::varchar(19) as "REFERENCED_TYPE",
       null::varchar(128) as "REFERENCED_LINK_NAME", 'HARD'::varchar(4) as "DEPENDENCY_TYPE"
  from pg_catalog.pg_rewrite w
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = w.oid and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> w.ev_class
  join concord_catalog.relations v on v.relid = w.ev_class join concord_catalog.relations t on t.relid = d.refobjid
 where v.kind = 'v' and v.owner <> 'SYS' and t.kind in ('r', 'v');
create or replace view concord_catalog._catalog as
select o."OWNER", o."OBJECT_NAME"::varchar(128) as "TABLE_NAME", o."OBJECT_TYPE"::varchar(11) as "TABLE_TYPE" from concord_catalog._objects o where o."OBJECT_TYPE" in ('TABLE', 'VIEW', 'SEQUENCE', 'SYNONYM');
create or replace view "SYS"."TAB" as select c."TABLE_NAME" as "TNAME", c."TABLE_TYPE"::varchar(13) as "TABTYPE", null::numeric as "CLUSTERID" from concord_catalog._catalog c where c."OWNER" = current_user and c."TABLE_TYPE" <> 'SEQUENCE';
create or replace view "SYS"."DICT_COLUMNS" as select f.table_name as "TABLE_NAME", f.column_name as "COLUMN_NAME", null::varchar(4000) as "COMMENTS" from concord_catalog._column_facts f where f.owner = 'SYS' and f.table_name not like 'V\_$%';
create or replace view "SYS"."GLOBAL_NAME" as select s.value::varchar(4000) as "GLOBAL_NAME" from concord_catalog.settings s where s.name = 'service';
create or replace view "SYS"."NLS_INSTANCE_PARAMETERS" as select p."PARAMETER", case when p."PARAMETER" in ('NLS_LANGUAGE', 'NLS_TERRITORY', 'NLS_COMP', 'NLS_LENGTH_SEMANTICS') then p."VALUE" end::varchar(64) as "VALUE" from "SYS"."NLS_DATABASE_PARAMETERS" p where p."PARAMETER" not like '%CHARACTERSET';
create or replace view "SYS"."V_$NLS_PARAMETERS" as
select p."PARAMETER"::varchar(64) as "PARAMETER", p."VALUE", 0::numeric as "CON_ID" from "SYS"."NLS_SESSION_PARAMETERS" p
 union all select p."PARAMETER", p."VALUE", 0 from "SYS"."NLS_DATABASE_PARAMETERS" p where p."PARAMETER" like '%CHARACTERSET';
create or replace view "SYS"."V_$OPTION" as
select o::varchar(64) as "PARAMETER", 'FALSE'::varchar(64) as "VALUE", 0::numeric as "CON_ID" from unnest(array['Partitioning', 'Real Application Clusters', 'Advanced Compression', 'In-Memory Column Store', 'Spatial', 'OLAP', 'Flashback Data Archive', 'Java']) o;
create or replace view "SYS"."V_$PDBS" as
select 3::numeric as "CON_ID", s.value::varchar(128) as "NAME", 'READ WRITE'::varchar(10) as "OPEN_MODE", 'NO'::varchar(3) as "RESTRICTED" from concord_catalog.settings s where s.name = 'service';
create or replace view "SYS"."V_$CONTAINERS" as select * from "SYS"."V_$PDBS";
create or replace view "SYS"."V_$PROCESS" as
select s.pid::numeric as "ADDR", s.sid::numeric as "PID", s.pid::varchar(24) as "SPID", s.osuser::varchar(128) as "USERNAME", s.program::varchar(48) as "PROGRAM", null::varchar(1) as "BACKGROUND" from concord_catalog.sessions s;
create or replace view "SYS"."GV_$SESSION" as select 1::numeric as "INST_ID", s.* from "SYS"."V_$SESSION" s;
create or replace view "SYS"."GV_$INSTANCE" as select 1::numeric as "INST_ID", i.* from "SYS"."V_$INSTANCE" i;
create or replace function concord_catalog.knows_role(who text, role_name text) returns boolean language sql stable security definer set search_path = pg_catalog as $$
    select concord_catalog.is_dba(who) or exists (select from concord_catalog.holders(who) h where h = role_name)
$$;
create or replace view "SYS"."ROLE_TAB_PRIVS" as
select g.grantee::varchar(128) as "ROLE", g.owner::varchar(128) as "OWNER", g.name::varchar(128) as "TABLE_NAME", nullif(g.column_name, '')::varchar(128) as "COLUMN_NAME", g.privilege::varchar(40) as "PRIVILEGE", case when g.grantable then 'YES' else 'NO' end::varchar(3) as "GRANTABLE"
  from concord_catalog.object_grants g join concord_catalog.roles r on r.name = g.grantee where concord_catalog.knows_role(current_user, r.name);
create or replace view "SYS"."ROLE_SYS_PRIVS" as
select g.grantee::varchar(128) as "ROLE", g.privilege::varchar(40) as "PRIVILEGE", case when g.admin then 'YES' else 'NO' end::varchar(3) as "ADMIN_OPTION"
  from concord_catalog.system_grants g join concord_catalog.roles r on r.name = g.grantee where concord_catalog.knows_role(current_user, r.name);
create or replace view "SYS"."ROLE_ROLE_PRIVS" as
select g.grantee::varchar(128) as "ROLE", g.role::varchar(128) as "GRANTED_ROLE", case when g.admin then 'YES' else 'NO' end::varchar(3) as "ADMIN_OPTION"
  from concord_catalog.role_grants g join concord_catalog.roles r on r.name = g.grantee where concord_catalog.knows_role(current_user, r.name);
create or replace view "SYS"."USER_TAB_PRIVS_MADE" as select p."GRANTEE", p."TABLE_NAME", p."GRANTOR", p."PRIVILEGE", p."GRANTABLE", p."HIERARCHY", p."TYPE" from concord_catalog._tab_privs p where p."OWNER" = current_user;
create or replace view "SYS"."USER_TAB_PRIVS_RECD" as select p."OWNER", p."TABLE_NAME", p."GRANTOR", p."PRIVILEGE", p."GRANTABLE", p."HIERARCHY", p."TYPE" from concord_catalog._tab_privs p where p."GRANTEE" = current_user;
create or replace view "SYS"."DBA_TABLESPACES" as
select t.name::varchar(30) as "TABLESPACE_NAME", 8192::numeric as "BLOCK_SIZE", 'ONLINE'::varchar(9) as "STATUS", t.contents::varchar(21) as "CONTENTS", 'LOCAL'::varchar(10) as "EXTENT_MANAGEMENT", 'NO'::varchar(3) as "BIGFILE", 'NO'::varchar(3) as "ENCRYPTED"
  from (values ('SYSTEM', 'PERMANENT'), ('USERS', 'PERMANENT'), ('TEMP', 'TEMPORARY')) t (name, contents);
create or replace view "SYS"."USER_TABLESPACES" as select t.* from "SYS"."DBA_TABLESPACES" t where t."TABLESPACE_NAME" <> 'SYSTEM';
create or replace view "SYS"."DATABASE_PROPERTIES" as
select p."PARAMETER"::varchar(128) as "PROPERTY_NAME", p."VALUE"::varchar(4000) as "PROPERTY_VALUE", null::varchar(4000) as "DESCRIPTION" from "SYS"."NLS_DATABASE_PARAMETERS" p
 union all select 'DEFAULT_PERMANENT_TABLESPACE', 'USERS', null union all select 'DEFAULT_TEMP_TABLESPACE', 'TEMP', null union all select 'DBTIMEZONE', '+00:00', null;

call concord_catalog.publish('_mviews', 'MVIEWS', 'OWNER', 'MVIEW_NAME');
call concord_catalog.publish('_types', 'TYPES', 'OWNER', 'TYPE_NAME');
call concord_catalog.publish('_db_links', 'DB_LINKS', 'OWNER', 'DB_LINK');
call concord_catalog.publish('_tab_partitions', 'TAB_PARTITIONS', 'TABLE_OWNER', 'TABLE_NAME');
call concord_catalog.publish('_part_tables', 'PART_TABLES', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_external_tables', 'EXTERNAL_TABLES', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_scheduler_jobs', 'SCHEDULER_JOBS', 'OWNER', 'JOB_NAME');
call concord_catalog.publish('_tab_histograms', 'TAB_HISTOGRAMS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_lobs', 'LOBS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_json_columns', 'JSON_COLUMNS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_tab_col_statistics', 'TAB_COL_STATISTICS', 'OWNER', 'TABLE_NAME');
call concord_catalog.publish('_ind_statistics', 'IND_STATISTICS', 'OWNER', 'INDEX_NAME');
call concord_catalog.publish('_segments', 'SEGMENTS', 'OWNER', 'SEGMENT_NAME');
call concord_catalog.publish('_dependencies', 'DEPENDENCIES', 'OWNER', 'NAME');
call concord_catalog.publish('_catalog', 'CATALOG', 'OWNER', 'TABLE_NAME');

grant select on "SYS"."USER_RECYCLEBIN", "SYS"."USER_JOBS", "SYS"."ALL_DIRECTORIES", "SYS"."TAB", "SYS"."DICT_COLUMNS", "SYS"."GLOBAL_NAME", "SYS"."NLS_INSTANCE_PARAMETERS", "SYS"."V_$NLS_PARAMETERS", "SYS"."V_$OPTION",
      "SYS"."ROLE_TAB_PRIVS", "SYS"."ROLE_SYS_PRIVS", "SYS"."ROLE_ROLE_PRIVS", "SYS"."USER_TAB_PRIVS_MADE", "SYS"."USER_TAB_PRIVS_RECD", "SYS"."USER_TABLESPACES", "SYS"."DATABASE_PROPERTIES" to public;
grant select on all tables in schema "SYS" to "SELECT_CATALOG_ROLE";

insert into concord_catalog.synonyms (owner, name, target_owner, target_name)
select 'PUBLIC', replace(relname, '_$', '$'), 'SYS', relname from pg_catalog.pg_class
 where relnamespace = '"SYS"'::pg_catalog.regnamespace and (relname like 'V\_$%' or relname like 'GV\_$%')
union all values ('PUBLIC', 'CAT', 'SYS', 'USER_CATALOG'), ('PUBLIC', 'RECYCLEBIN', 'SYS', 'USER_RECYCLEBIN'), ('PUBLIC', 'COLS', 'SYS', 'USER_TAB_COLUMNS'), ('PUBLIC', 'OBJ', 'SYS', 'USER_OBJECTS'),
                 ('PUBLIC', 'SEQ', 'SYS', 'USER_SEQUENCES'), ('PUBLIC', 'SYN', 'SYS', 'USER_SYNONYMS'), ('PUBLIC', 'IND', 'SYS', 'USER_INDEXES')
on conflict do nothing;
