create or replace view workers_v as
select w.worker_id
      ,w.hostname
      ,w.pid
      ,case
          when w.heartbeat_at < sys_extract_utc(systimestamp) - numtodsinterval(w.lease_seconds, 'SECOND') then 'LOST'
          else w.status
       end as status
      ,w.wakeup_mode
      ,w.slots
      ,w.running_jobs
      ,w.started_at
      ,w.heartbeat_at
      ,round((cast(sys_extract_utc(systimestamp) as date) - cast(w.heartbeat_at as date)) * 86400) as silent_seconds
      ,w.lease_seconds
      ,w.version
      ,case
          when h.worker_id is not null then 1
          else 0
       end as is_leader
  from workers w
  left join housekeeping_leader h
    on h.worker_id = w.worker_id
   and h.elected_until >= sys_extract_utc(systimestamp);

comment on table workers_v is 'Workers with their state as of now.';
comment on column workers_v.worker_id is 'Host, process number and a random part.';
comment on column workers_v.hostname is 'Host on which the worker runs.';
comment on column workers_v.pid is 'Process number on that host.';
comment on column workers_v.status is 'ACTIVE, DRAINING, or LOST when it has been silent for longer than its lease.';
comment on column workers_v.wakeup_mode is 'How it learns of new jobs: cqn, cqn-degraded or poll.';
comment on column workers_v.slots is 'Jobs that it runs at once.';
comment on column workers_v.running_jobs is 'Jobs that it ran at its last sign of life.';
comment on column workers_v.started_at is 'UTC time at which it came.';
comment on column workers_v.heartbeat_at is 'UTC time of its last sign of life.';
comment on column workers_v.silent_seconds is 'Seconds since then.';
comment on column workers_v.lease_seconds is 'Silence after which it counts as lost.';
comment on column workers_v.version is 'Version of Concord that it runs.';
comment on column workers_v.is_leader is '1 for the worker that does the housekeeping for all.';
