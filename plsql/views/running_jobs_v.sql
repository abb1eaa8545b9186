create or replace view running_jobs_v as
select j.job_id
      ,j.kind
      ,j.table_name
      ,j.queue_name
      ,j.attempt
      ,j.max_attempts
      ,j.run_token
      ,j.worker_id
      ,w.hostname
      ,w.pid
      ,j.started_at
      ,round((cast(sys_extract_utc(systimestamp) as date) - cast(j.started_at as date)) * 86400)   as running_seconds
      ,j.progress_percentage
      ,j.current_step
      ,j.estimated_completion
      ,j.cancel_requested
      ,j.submitted_by
      ,round((cast(sys_extract_utc(systimestamp) as date) - cast(w.heartbeat_at as date)) * 86400) as worker_silent_seconds
  from comparison_jobs j
  left join workers w
    on w.worker_id = j.worker_id
 where case when j.status = 'RUNNING' then j.worker_id end is not null;

comment on table running_jobs_v is 'What runs, where, and since when.';
comment on column running_jobs_v.job_id is 'The job.';
comment on column running_jobs_v.kind is 'What the job does.';
comment on column running_jobs_v.table_name is 'Table that the job is about.';
comment on column running_jobs_v.queue_name is 'Queue from which it was claimed.';
comment on column running_jobs_v.attempt is 'Number of the attempt, from 1.';
comment on column running_jobs_v.max_attempts is 'Attempts after which the job fails for good.';
comment on column running_jobs_v.run_token is 'Fence token under which its worker writes.';
comment on column running_jobs_v.worker_id is 'Worker that runs the job.';
comment on column running_jobs_v.hostname is 'Host of the worker; NULL when the worker is not registered any more.';
comment on column running_jobs_v.pid is 'Process number of the worker on its host.';
comment on column running_jobs_v.started_at is 'UTC time at which the attempt started.';
comment on column running_jobs_v.running_seconds is 'Seconds since then.';
comment on column running_jobs_v.progress_percentage is '0 to 100.';
comment on column running_jobs_v.current_step is 'What the job is doing, for people.';
comment on column running_jobs_v.estimated_completion is 'UTC time at which it is expected to end.';
comment on column running_jobs_v.cancel_requested is '1 when it was asked to stop.';
comment on column running_jobs_v.submitted_by is 'User who asked for the job.';
comment on column running_jobs_v.worker_silent_seconds is 'Seconds since the worker''s last sign of life.';
