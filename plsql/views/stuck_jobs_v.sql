create or replace view stuck_jobs_v as
select s.job_id
      ,s.kind
      ,s.table_name
      ,s.queue_name
      ,s.status
      ,s.reason
      ,s.stuck_since
      ,round((cast(sys_extract_utc(systimestamp) as date) - cast(s.stuck_since as date)) * 86400) as stuck_seconds
      ,s.worker_id
      ,l.sid      as holder_sid
      ,l.serial   as holder_serial
      ,l.username as holder_username
      ,l.machine  as holder_machine
      ,l.program  as holder_program
      ,l.idle_seconds as holder_idle_seconds
      ,case
          when l.sid is null then null
          when l.waiting_job_id = s.job_id then 'HOLDS THE ROW'
          else 'MAY HOLD THE ROW'
       end as holder_role
  from (
          select j.job_id
                ,j.kind
                ,j.table_name
                ,j.queue_name
                ,j.status
                ,j.worker_id
                ,case
                    when exists (
                            select 1
                              from job_locks_v b
                             where b.waiting_job_id = j.job_id
                         ) then 'ROW LOCKED'
                    when w.worker_id is null
                      or w.heartbeat_at < sys_extract_utc(systimestamp) - numtodsinterval(w.lease_seconds, 'SECOND') then 'WORKER LOST'
                    when j.cancel_requested = 1 then 'STOP IGNORED'
                    else 'SILENT'
                 end as reason
                ,j.updated_at as stuck_since
            from comparison_jobs j
            left join workers w
              on w.worker_id = j.worker_id
           where case when j.status = 'RUNNING' then j.worker_id end is not null
             and (
                    w.worker_id is null
                 or w.heartbeat_at < sys_extract_utc(systimestamp) - numtodsinterval(w.lease_seconds, 'SECOND')
                 or (j.cancel_requested = 1 and j.updated_at < sys_extract_utc(systimestamp) - numtodsinterval(30, 'SECOND'))
                 or j.updated_at < sys_extract_utc(systimestamp) - numtodsinterval(900, 'SECOND')
                 or exists (
                       select 1
                         from job_locks_v b
                        where b.waiting_job_id = j.job_id
                    )
                 )
          union all
          select j.job_id
                ,j.kind
                ,j.table_name
                ,j.queue_name
                ,j.status
                ,j.worker_id
                ,'NOT CLAIMED'
                ,j.due_at
            from comparison_jobs j
            left join job_queues q
              on q.queue_name = j.queue_name
           where (
                    case when j.status = 'PENDING' and j.ready = 1 then j.queue_name end is not null
                 or case when j.status = 'PENDING' and j.ready = 0 and j.held = 0 then j.due_at end is not null
                 )
             and j.due_at < sys_extract_utc(systimestamp) - numtodsinterval(60, 'SECOND')
             and nvl(q.paused, 0) = 0
       ) s
  left join (
               select b.sid
                     ,b.serial
                     ,b.username
                     ,b.machine
                     ,b.program
                     ,b.idle_seconds
                     ,b.waiting_job_id
                     ,row_number() over (order by b.idle_seconds desc, b.sid) as idle_rank
                 from job_locks_v b
            ) l
    on l.waiting_job_id = s.job_id
    or (s.reason in ('NOT CLAIMED', 'WORKER LOST') and l.idle_rank = 1 and l.idle_seconds >= 5);

comment on table stuck_jobs_v is 'Jobs that ought to get on and do not, each with the reason and, as far as the database can tell, the session that holds its row.';
comment on column stuck_jobs_v.job_id is 'The job.';
comment on column stuck_jobs_v.kind is 'What the job does.';
comment on column stuck_jobs_v.table_name is 'Table that the job is about.';
comment on column stuck_jobs_v.queue_name is 'Its queue.';
comment on column stuck_jobs_v.status is 'RUNNING or PENDING.';
comment on column stuck_jobs_v.reason is 'ROW LOCKED: its worker waits for a session that holds the row. WORKER LOST: its worker is gone and nobody has taken the job yet. STOP IGNORED: asked to stop more than 30 seconds ago. SILENT: no sign of progress for 15 minutes. NOT CLAIMED: due for a minute in a queue that is not paused.';
comment on column stuck_jobs_v.stuck_since is 'UTC time of its last change, or for a waiting job the time at which it was due.';
comment on column stuck_jobs_v.stuck_seconds is 'Seconds since then.';
comment on column stuck_jobs_v.worker_id is 'Worker that runs it.';
comment on column stuck_jobs_v.holder_sid is 'Session that holds the row; NULL when none is known.';
comment on column stuck_jobs_v.holder_serial is 'Its serial number.';
comment on column stuck_jobs_v.holder_username is 'Its database user.';
comment on column stuck_jobs_v.holder_machine is 'Host from which it comes.';
comment on column stuck_jobs_v.holder_program is 'Program that runs there.';
comment on column stuck_jobs_v.holder_idle_seconds is 'Seconds since it last did anything.';
comment on column stuck_jobs_v.holder_role is 'HOLDS THE ROW when a worker waits for it; MAY HOLD THE ROW for the session with locks in COMPARISON_JOBS that has been idle longest: Oracle keeps no list of locked rows.';
