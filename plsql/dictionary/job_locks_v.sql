-- In place of views/job_locks_v.sql where the owner may not read V$SESSION and V$LOCKED_OBJECT: the same columns and
-- never a row.
create or replace view job_locks_v as
select cast(null as varchar2(128 char))  as schema_name
      ,cast(null as number)              as sid
      ,cast(null as number)              as serial
      ,cast(null as varchar2(128 char))  as username
      ,cast(null as varchar2(64 char))   as machine
      ,cast(null as varchar2(84 char))   as program
      ,cast(null as varchar2(64 char))   as module
      ,cast(null as varchar2(64 char))   as action
      ,cast(null as varchar2(64 char))   as client_identifier
      ,cast(null as varchar2(8 char))    as status
      ,cast(null as number)              as idle_seconds
      ,cast(null as number)              as waiting_sid
      ,cast(null as varchar2(64 char))   as waiting_module
      ,cast(null as varchar2(36 char))   as waiting_job_id
  from dual
 where 1 = 0;

comment on table job_locks_v is 'Empty: the owner may not read V$SESSION. Run dictionary/grants.sql as SYS and install again.';
