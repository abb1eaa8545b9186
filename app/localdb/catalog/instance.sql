-- What Oracle tells of the instance, its sessions, users and roles: V$ views, NLS, DBA_USERS and the like; and the
-- function that notes a change for change notification.

create or replace view "SYS"."DUAL" as select 'X'::varchar(1) as "DUMMY";
create or replace view "SYS"."PRODUCT_COMPONENT_VERSION" as
select 'Concord local database (not Oracle)'::varchar(80) as "PRODUCT", (select value from concord_catalog.settings where name = 'version')::varchar(80) as "VERSION",
       (select value from concord_catalog.settings where name = 'version')::varchar(80) as "VERSION_FULL", 'for development and tests only'::varchar(80) as "STATUS";
create or replace view "SYS"."V_$VERSION" as
select b.value::varchar(80) as "BANNER", (b.value || chr(10) || 'For development and tests only.')::varchar(160) as "BANNER_FULL", b.value::varchar(80) as "BANNER_LEGACY", 0::numeric as "CON_ID"
  from concord_catalog.settings b where b.name = 'banner';
create or replace view "SYS"."V_$INSTANCE" as
select 1::numeric as "INSTANCE_NUMBER", 'FREE'::varchar(16) as "INSTANCE_NAME", 'localhost'::varchar(64) as "HOST_NAME", (select value from concord_catalog.settings where name = 'version')::varchar(17) as "VERSION",
       (select value from concord_catalog.settings where name = 'version')::varchar(17) as "VERSION_FULL", pg_catalog.pg_postmaster_start_time()::timestamp::oracle.date as "STARTUP_TIME", 'OPEN'::varchar(12) as "STATUS",
       'ACTIVE'::varchar(17) as "DATABASE_STATUS", 'PRIMARY_INSTANCE'::varchar(18) as "INSTANCE_ROLE", 'LOCAL'::varchar(18) as "EDITION";
create or replace view "SYS"."V_$DATABASE" as
select 1::numeric as "DBID", 'FREE'::varchar(9) as "NAME", (select min(created) from concord_catalog.users)::oracle.date as "CREATED", 'NOARCHIVELOG'::varchar(12) as "LOG_MODE",
       oracle.current_scn() as "CURRENT_SCN", 'READ WRITE'::varchar(20) as "OPEN_MODE", 'PRIMARY'::varchar(16) as "DATABASE_ROLE", 'Linux x86 64-bit'::varchar(101) as "PLATFORM_NAME", 'NO'::varchar(3) as "CDB",
       (select value from concord_catalog.settings where name = 'service')::varchar(30) as "DB_UNIQUE_NAME";
-- PostgreSQL keeps what others do from those who may not see everything; whoever may read V$SESSION may.
create or replace function concord_catalog.activity() returns table (pid integer, state text, state_change timestamptz, query_start timestamptz, wait_event_type text)
language sql stable security definer set search_path = pg_catalog as $$
select a.pid, a.state, a.state_change, a.query_start, a.wait_event_type from pg_stat_get_activity(null) a
$$;
create or replace view "SYS"."V_$SESSION" as
select s.sid::numeric as "SID", s.serial::numeric as "SERIAL#", s.sid::numeric as "AUDSID", 0::numeric as "USER#", s.username::varchar(128) as "USERNAME",
       case when a.state in ('active', 'fastpath function call') then 'ACTIVE' else 'INACTIVE' end::varchar(8) as "STATUS", 'DEDICATED'::varchar(9) as "SERVER", s.schemaname::varchar(128) as "SCHEMANAME",
       s.osuser::varchar(128) as "OSUSER", s.process::varchar(24) as "PROCESS", s.machine::varchar(64) as "MACHINE", s.terminal::varchar(30) as "TERMINAL", s.program::varchar(84) as "PROGRAM", 'USER'::varchar(10) as "TYPE",
       null::varchar(13) as "SQL_ID", s.module::varchar(64) as "MODULE", s.action::varchar(64) as "ACTION", s.client_info::varchar(64) as "CLIENT_INFO", s.client_identifier::varchar(64) as "CLIENT_IDENTIFIER",
       s.logon_time::oracle.date as "LOGON_TIME", extract(epoch from clock_timestamp() - a.state_change)::integer::numeric as "LAST_CALL_ET",
       case when b.sid is not null then 'VALID' else 'NO HOLDER' end::varchar(11) as "BLOCKING_SESSION_STATUS", b.sid::numeric as "BLOCKING_SESSION",
       case when b.sid is not null then 'enq: TX - row lock contention' when a.state = 'active' then 'CPU' else 'SQL*Net message from client' end::varchar(64) as "EVENT",
       case when b.sid is not null then 'Application' else 'Idle' end::varchar(64) as "WAIT_CLASS", case when b.sid is not null then extract(epoch from clock_timestamp() - a.query_start)::integer else 0 end::numeric as "SECONDS_IN_WAIT",
       case when a.state <> 'idle' then 'WAITING' else 'WAITED SHORT TIME' end::varchar(19) as "STATE", (select value from concord_catalog.settings where name = 'service')::varchar(64) as "SERVICE_NAME", s.pid::numeric as "PADDR", 0::numeric as "CON_ID"
  from concord_catalog.sessions s
  left join concord_catalog.activity() a on a.pid = s.pid
  left join lateral (select o.sid from concord_catalog.sessions o where o.pid = any (pg_catalog.pg_blocking_pids(s.pid)) limit 1) b on a.wait_event_type = 'Lock';
create or replace view "SYS"."V_$LOCKED_OBJECT" as
select 0::numeric as "XIDUSN", 0::numeric as "XIDSLOT", 0::numeric as "XIDSQN", r.object_id as "OBJECT_ID", s.sid::numeric as "SESSION_ID", s.username::varchar(128) as "ORACLE_USERNAME", s.osuser::varchar(128) as "OS_USER_NAME", s.process::varchar(24) as "PROCESS",
       case l.mode when 'RowShareLock' then 2 when 'RowExclusiveLock' then 3 when 'ShareLock' then 4 when 'ShareRowExclusiveLock' then 5 else 6 end::numeric as "LOCKED_MODE", 0::numeric as "CON_ID"
  from pg_catalog.pg_locks l join concord_catalog.sessions s on s.pid = l.pid join concord_catalog.relations r on r.relid = l.relation
 where l.granted and l.mode <> 'AccessShareLock' and r.kind in ('r', 'p');
create or replace view "SYS"."V_$PARAMETER" as
select row_number() over ()::numeric as "NUM", p.name::varchar(80) as "NAME", 2::numeric as "TYPE", p.value::varchar(4000) as "VALUE", 'TRUE'::varchar(9) as "ISDEFAULT"
  from (values ('compatible', '19.0.0'), ('db_name', 'FREE'), ('db_domain', null), ('instance_name', 'FREE'), ('max_string_size', 'STANDARD'), ('open_cursors', '1000'), ('processes', '300'),
               ('sessions', '290'), ('db_block_size', '8192'), ('service_names', 'FREEPDB1')) p (name, value);

create or replace view "SYS"."NLS_SESSION_PARAMETERS" as
select p::varchar(30) as "PARAMETER", pg_catalog.current_setting('oracle.' || lower(p), true)::varchar(64) as "VALUE"
  from unnest(array['NLS_LANGUAGE', 'NLS_TERRITORY', 'NLS_CURRENCY', 'NLS_ISO_CURRENCY', 'NLS_NUMERIC_CHARACTERS', 'NLS_CALENDAR', 'NLS_DATE_FORMAT', 'NLS_DATE_LANGUAGE', 'NLS_SORT', 'NLS_TIME_FORMAT',
                    'NLS_TIMESTAMP_FORMAT', 'NLS_TIME_TZ_FORMAT', 'NLS_TIMESTAMP_TZ_FORMAT', 'NLS_DUAL_CURRENCY', 'NLS_COMP', 'NLS_LENGTH_SEMANTICS', 'NLS_NCHAR_CONV_EXCP']) p;
create or replace view "SYS"."NLS_DATABASE_PARAMETERS" as
select p.name::varchar(128) as "PARAMETER", p.value::varchar(64) as "VALUE"
  from (values ('NLS_CHARACTERSET', 'AL32UTF8'), ('NLS_NCHAR_CHARACTERSET', 'AL16UTF16'), ('NLS_LANGUAGE', 'AMERICAN'), ('NLS_TERRITORY', 'AMERICA'), ('NLS_SORT', 'BINARY'), ('NLS_COMP', 'BINARY'),
               ('NLS_DATE_FORMAT', 'DD-MON-RR'), ('NLS_NUMERIC_CHARACTERS', '.,'), ('NLS_LENGTH_SEMANTICS', 'BYTE'), ('NLS_RDBMS_VERSION', (select value from concord_catalog.settings where name = 'version'))) p (name, value);

create or replace view concord_catalog.user_facts as
select u.name::varchar(128) as "USERNAME", u.user_id::numeric as "USER_ID", case when u.locked is null then 'OPEN' else 'LOCKED' end::varchar(32) as "ACCOUNT_STATUS", u.locked::oracle.date as "LOCK_DATE",
       null::oracle.date as "EXPIRY_DATE", 'USERS'::varchar(30) as "DEFAULT_TABLESPACE", 'TEMP'::varchar(30) as "TEMPORARY_TABLESPACE", u.created::oracle.date as "CREATED", 'DEFAULT'::varchar(128) as "PROFILE",
       case when u.salt is null then 'NONE' else 'PASSWORD' end::varchar(8) as "AUTHENTICATION_TYPE", case when u.oracle_maintained then 'Y' else 'N' end::varchar(1) as "ORACLE_MAINTAINED", 'NO'::varchar(3) as "COMMON"
  from concord_catalog.users u;
create or replace view "SYS"."DBA_USERS" as select * from concord_catalog.user_facts;
create or replace view "SYS"."ALL_USERS" as select "USERNAME", "USER_ID", "CREATED", "COMMON", "ORACLE_MAINTAINED" from concord_catalog.user_facts;
create or replace view "SYS"."USER_USERS" as select "USERNAME", "USER_ID", "ACCOUNT_STATUS", "LOCK_DATE", "EXPIRY_DATE", "DEFAULT_TABLESPACE", "TEMPORARY_TABLESPACE", "CREATED" from concord_catalog.user_facts where "USERNAME" = current_user;
create or replace view "SYS"."DBA_TS_QUOTAS" as
select q.tablespace::varchar(30) as "TABLESPACE_NAME", q.username::varchar(128) as "USERNAME", 0::numeric as "BYTES", q.max_bytes::numeric as "MAX_BYTES", 0::numeric as "BLOCKS", null::numeric as "MAX_BLOCKS", 'NO'::varchar(3) as "DROPPED"
  from concord_catalog.quotas q;
create or replace view "SYS"."USER_TS_QUOTAS" as select "TABLESPACE_NAME", "BYTES", "MAX_BYTES", "BLOCKS", "MAX_BLOCKS", "DROPPED" from "SYS"."DBA_TS_QUOTAS" where "USERNAME" = current_user;
create or replace view "SYS"."DBA_ROLES" as select r.name::varchar(128) as "ROLE", r.role_id::numeric as "ROLE_ID", 'NO'::varchar(8) as "PASSWORD_REQUIRED", case when r.oracle_maintained then 'Y' else 'N' end::varchar(1) as "ORACLE_MAINTAINED" from concord_catalog.roles r;
create or replace view "SYS"."DBA_ROLE_PRIVS" as
select g.grantee::varchar(128) as "GRANTEE", g.role::varchar(128) as "GRANTED_ROLE", case when g.admin then 'YES' else 'NO' end::varchar(3) as "ADMIN_OPTION", 'YES'::varchar(3) as "DEFAULT_ROLE" from concord_catalog.role_grants g;
create or replace view "SYS"."USER_ROLE_PRIVS" as select "GRANTEE" as "USERNAME", "GRANTED_ROLE", "ADMIN_OPTION", "DEFAULT_ROLE" from "SYS"."DBA_ROLE_PRIVS" where "GRANTEE" = current_user;
create or replace view "SYS"."DBA_SYS_PRIVS" as
select g.grantee::varchar(128) as "GRANTEE", g.privilege::varchar(40) as "PRIVILEGE", case when g.admin then 'YES' else 'NO' end::varchar(3) as "ADMIN_OPTION" from concord_catalog.system_grants g;
create or replace view "SYS"."USER_SYS_PRIVS" as select "GRANTEE" as "USERNAME", "PRIVILEGE", "ADMIN_OPTION" from "SYS"."DBA_SYS_PRIVS" where "GRANTEE" = current_user;
create or replace view "SYS"."SESSION_ROLES" as select r.name::varchar(128) as "ROLE" from concord_catalog.roles r where pg_catalog.pg_has_role(current_user, r.name, 'member') and r.name in (select g.role from concord_catalog.role_grants g);
create or replace function concord_catalog.session_privileges(who text) returns setof text language sql stable security definer set search_path = pg_catalog as $$
    select distinct g.privilege from concord_catalog.system_grants g where g.grantee in (select concord_catalog.holders(who))
$$;
create or replace view "SYS"."SESSION_PRIVS" as select p::varchar(40) as "PRIVILEGE" from concord_catalog.session_privileges(current_user) p;
create or replace view "SYS"."USER_CHANGE_NOTIFICATION_REGS" as
select null::numeric as "REGID", null::numeric as "REGFLAGS", null::varchar(255) as "CALLBACK", null::numeric as "OPERATIONS_FILTER", null::numeric as "CHANGELAG", null::numeric as "TIMEOUT", null::varchar(256) as "TABLE_NAME" where false;
create or replace view "SYS"."DICTIONARY" as
select r.name as "TABLE_NAME", pg_catalog.obj_description(r.relid, 'pg_class')::varchar(4000) as "COMMENTS" from concord_catalog.relations r where r.owner = 'SYS' and r.name not like 'V\_$%';

grant select on "SYS"."DUAL", "SYS"."PRODUCT_COMPONENT_VERSION", "SYS"."V_$VERSION", "SYS"."NLS_SESSION_PARAMETERS", "SYS"."NLS_DATABASE_PARAMETERS", "SYS"."ALL_USERS", "SYS"."USER_USERS", "SYS"."USER_TS_QUOTAS",
      "SYS"."USER_ROLE_PRIVS", "SYS"."USER_SYS_PRIVS", "SYS"."SESSION_ROLES", "SYS"."SESSION_PRIVS", "SYS"."USER_CHANGE_NOTIFICATION_REGS", "SYS"."DICTIONARY" to public;
grant select on all tables in schema "SYS" to "SELECT_CATALOG_ROLE";

insert into concord_catalog.synonyms (owner, name, target_owner, target_name)
select 'PUBLIC', replace(relname, '_$', '$'), 'SYS', relname from pg_catalog.pg_class
 where relnamespace = '"SYS"'::pg_catalog.regnamespace and relname like 'V\_$%'
on conflict do nothing;
insert into concord_catalog.synonyms (owner, name, target_owner, target_name) values ('PUBLIC', 'DICT', 'SYS', 'DICTIONARY') on conflict do nothing;

-- Change notification: one message per statement, delivered by PostgreSQL when the transaction commits.
create or replace function concord_catalog.note_change() returns trigger language plpgsql security definer
    set search_path = pg_catalog as $$
declare
    rowids text[];
begin
    if tg_argv[1] = 'rowids' then
        select array_agg(oracle.rowid_text(r)) into rowids from (select "ROWID" as r from new_rows limit 101) s;
        if rowids is null then
            return null;
        elsif cardinality(rowids) > 100 then
            rowids := null;
        end if;
    end if;
    perform pg_notify('concord_changes', json_build_array(pg_current_xact_id()::text, tg_argv[0], tg_op, to_json(rowids))::text);
    return null;
end
$$;

-- A large object through its locator (stored_lobs.py): its content, if this transaction has locked its row.
-- A lock that is ours already leaves xmax as it is; one that had to be taken for the test is given back.
create or replace function concord_catalog.lob_to_change(relation text, name text, wanted text) returns text
    language plpgsql security definer set search_path = pg_catalog as $$
declare
    inserted xid;
    locked xid;
    after xid;
    content text;
    mine boolean;
begin
    if not has_any_column_privilege(current_setting('oracle.user'), relation, 'UPDATE') then
        raise exception using errcode = 'ORA00', message = 'ORA-01031: insufficient privileges';
    end if;
    execute format('select xmin, xmax, %I::text from %s where "ROWID" = $1', name, relation)
       into inserted, locked, content using wanted::bigint;
    if content is null then
        raise exception using errcode = 'ORA00', message = 'ORA-22922: nonexistent LOB value';
    end if;
    mine := age(inserted) < 1000000 and pg_xact_status(concord_catalog.whole_xid(inserted)) = 'in progress';
    if not mine and locked <> '0' then
        begin
            execute format('select 1 from %s where "ROWID" = $1 for no key update nowait', relation) using wanted::bigint;
            execute format('select xmax from %s where "ROWID" = $1', relation) into after using wanted::bigint;
            mine := after = locked;
            if not mine then
                raise exception using errcode = '55P03';
            end if;
        exception when lock_not_available then
            mine := false;
        end;
    end if;
    if not mine then
        raise exception using errcode = 'ORA00', message = 'ORA-22920: row containing the LOB value is not locked';
    end if;
    return content;
end
$$;

-- A row's 32-bit transaction number with its epoch, which is that of the present transaction or next to it.
create or replace function concord_catalog.whole_xid(short xid) returns xid8 language sql volatile
    set search_path = pg_catalog as $$
    select (now_at + ((short::text::bigint - now_at + 2147483648) & 4294967295) - 2147483648)::text::xid8
      from (select pg_current_xact_id()::text::bigint as now_at) s
$$;

-- Replica: triggers of users do not fire, those of change notification (ENABLE ALWAYS) do.
create or replace function concord_catalog.change_lob(relation text, name text, wanted text, content text)
    returns bigint language plpgsql security definer set search_path = pg_catalog
    set session_replication_role = replica as $$
declare
    kind text;
    changed bigint;
begin
    select a.atttypid::regtype::text into kind from pg_attribute a where a.attrelid = relation::regclass and a.attname = name;
    execute format('update %s set %I = $1::%s where "ROWID" = $2', relation, name, kind) using content, wanted::bigint;
    get diagnostics changed = row_count;
    return changed;
end
$$;
