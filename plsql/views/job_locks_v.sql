-- Reads V$SESSION and V$LOCKED_OBJECT, which the owner must be granted directly: dictionary/grants.sql.
create or replace view job_locks_v as
select distinct
       cast(o.owner as varchar2(128 char)) as schema_name
      ,h.sid
      ,h.serial#           as serial
      ,h.username
      ,h.machine
      ,h.program
      ,h.module
      ,h.action
      ,h.client_identifier
      ,h.status
      ,h.last_call_et      as idle_seconds
      ,w.sid               as waiting_sid
      ,w.module            as waiting_module
      ,cast(case when w.module like 'concord-%' then substr(w.client_identifier, 1, 36) end as varchar2(36 char)) as waiting_job_id
  from v$locked_object l
  join all_objects o
    on o.object_id = l.object_id
   and o.object_name = 'COMPARISON_JOBS'
  join v$session h
    on h.sid = l.session_id
  left join v$session w
    on w.blocking_session = h.sid;

comment on table job_locks_v is 'Sessions that have changed or locked rows of COMPARISON_JOBS and not yet ended their transaction, each with the sessions that wait for it. Concord''s own hold their locks for milliseconds.';
comment on column job_locks_v.schema_name is 'Owner of that COMPARISON_JOBS: a database may have more than one.';
comment on column job_locks_v.sid is 'The session, as in V$SESSION.';
comment on column job_locks_v.serial is 'Its serial number: ALTER SYSTEM KILL SESSION takes both.';
comment on column job_locks_v.username is 'Database user of the session.';
comment on column job_locks_v.machine is 'Host from which it comes.';
comment on column job_locks_v.program is 'Program that runs there.';
comment on column job_locks_v.module is 'concord-worker and concord-api are Concord''s own.';
comment on column job_locks_v.action is 'What it says that it does.';
comment on column job_locks_v.client_identifier is 'On whose behalf: a user of Concord, or a job and its token.';
comment on column job_locks_v.status is 'ACTIVE in a call, INACTIVE between two calls.';
comment on column job_locks_v.idle_seconds is 'Seconds since STATUS last changed: an INACTIVE session with a high number has been forgotten.';
comment on column job_locks_v.waiting_sid is 'A session that waits for it; NULL when none does.';
comment on column job_locks_v.waiting_module is 'Module of the waiting session.';
comment on column job_locks_v.waiting_job_id is 'Job whose row the waiting session wants, when it is one of Concord''s workers.';
