-- What sessions have done and hold: V$ views over what the server writes here whenever somebody asks (sessions.py).

create unlogged table if not exists concord_catalog.session_counts (
    sid integer not null,
    name text not null,
    value bigint not null
);

create unlogged table if not exists concord_catalog.session_clients (
    sid integer not null,
    serial integer not null,
    username text,
    client_driver text,
    dbop text,
    temporary_lobs bigint not null
);

create unlogged table if not exists concord_catalog.registrations (
    regid numeric not null,
    username text not null,
    operations numeric not null,
    timeout numeric not null,
    table_name text
);

create or replace view "SYS"."V_$STATNAME" as
select s.number::numeric as "STATISTIC#", s.name::varchar(64) as "NAME", s.class::numeric as "CLASS", s.number::numeric as "STAT_ID", s.name::varchar(64) as "DISPLAY_NAME", 0::numeric as "CON_ID"
  from (values (1, 'user calls', 1), (2, 'user commits', 1), (3, 'user rollbacks', 1), (4, 'parse count (total)', 64),
               (5, 'execute count', 64), (6, 'SQL*Net roundtrips to/from client', 1)) s (number, name, class);
create or replace view "SYS"."V_$SESSTAT" as
select s.sid::numeric as "SID", n."STATISTIC#", coalesce(c.value, 0)::numeric as "VALUE", 0::numeric as "CON_ID"
  from concord_catalog.session_clients s
 cross join "SYS"."V_$STATNAME" n
  left join concord_catalog.session_counts c on c.sid = s.sid and c.name = n."NAME";
create or replace view "SYS"."V_$MYSTAT" as
select * from "SYS"."V_$SESSTAT" where "SID" = pg_catalog.current_setting('oracle.sid', true)::numeric;
create or replace view "SYS"."V_$SESSION_CONNECT_INFO" as
select s.sid::numeric as "SID", s.serial::numeric as "SERIAL#", 'DATABASE'::varchar(26) as "AUTHENTICATION_TYPE", 'TCP/IP NT Protocol Adapter'::varchar(4000) as "NETWORK_SERVICE_BANNER",
       'AL32UTF8'::varchar(40) as "CLIENT_CHARSET", 'Homogeneous'::varchar(13) as "CLIENT_CONNECTION", s.client_driver::varchar(30) as "CLIENT_DRIVER", 0::numeric as "CON_ID"
  from concord_catalog.session_clients s;
create or replace view "SYS"."V_$TEMPORARY_LOBS" as
select s.sid::numeric as "SID", 0::numeric as "CACHE_LOBS", s.temporary_lobs::numeric as "NOCACHE_LOBS", 0::numeric as "ABSTRACT_LOBS", 0::numeric as "CON_ID"
  from concord_catalog.session_clients s;
create or replace view "SYS"."V_$SQL_MONITOR" as
select s.sid::numeric as "SID", s.serial::numeric as "SESSION_SERIAL#", s.username::varchar(128) as "USERNAME", 'EXECUTING'::varchar(19) as "STATUS", s.dbop::varchar(30) as "DBOP_NAME", 0::numeric as "CON_ID"
  from concord_catalog.session_clients s where s.dbop is not null;
create or replace view "SYS"."USER_CHANGE_NOTIFICATION_REGS" as
select r.regid::numeric as "REGID", 4::numeric as "REGFLAGS", 'net8'::varchar(255) as "CALLBACK", r.operations::numeric as "OPERATIONS_FILTER", 0::numeric as "CHANGELAG", r.timeout::numeric as "TIMEOUT",
       r.table_name::varchar(256) as "TABLE_NAME"
  from concord_catalog.registrations r where r.username = pg_catalog.current_setting('oracle.user', true);

grant select on all tables in schema "SYS" to "SELECT_CATALOG_ROLE";
grant select on "SYS"."USER_CHANGE_NOTIFICATION_REGS", "SYS"."V_$MYSTAT", "SYS"."V_$STATNAME" to public;

-- Whoever has the system privilege of this name is a member of this role.
do $$ begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'SELECT ANY DICTIONARY') then
        create role "SELECT ANY DICTIONARY" nologin;
    end if;
    grant "SELECT_CATALOG_ROLE" to "SELECT ANY DICTIONARY";
end $$;

insert into concord_catalog.synonyms (owner, name, target_owner, target_name)
select 'PUBLIC', replace(relname, '_$', '$'), 'SYS', relname from pg_catalog.pg_class
 where relnamespace = '"SYS"'::pg_catalog.regnamespace and relname like 'V\_$%'
on conflict do nothing;
