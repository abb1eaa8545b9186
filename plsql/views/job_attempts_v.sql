create or replace view job_attempts_v as
select a.job_id
      ,a.run_token
      ,a.attempt
      ,a.worker_id
      ,a.started_at
      ,a.ended_at
      ,a.outcome
      ,a.error_details
  from job_attempts a
union all
select j.job_id
      ,j.run_token
      ,j.attempt
      ,j.worker_id
      ,j.started_at
      ,j.completed_at
      ,j.status
      ,j.error_details
  from comparison_jobs j
 where j.status <> 'PENDING'
   and j.worker_id is not null;

comment on table job_attempts_v is 'Every run of every job: who ran it, from when to when, and what came of it.';
comment on column job_attempts_v.job_id is 'The job.';
comment on column job_attempts_v.run_token is 'Fence token of the run: rises from run to run.';
comment on column job_attempts_v.attempt is 'Number of the attempt; starts again from 1 after a retry by hand, and a run that was given back shares its number with the next one.';
comment on column job_attempts_v.worker_id is 'Worker that ran it.';
comment on column job_attempts_v.started_at is 'UTC time at which it started.';
comment on column job_attempts_v.ended_at is 'UTC time at which it ended; NULL while it runs.';
comment on column job_attempts_v.outcome is 'RUNNING, COMPLETED, FAILED, CANCELLED, LOST (with its worker), RELEASED (by a draining worker) or SNOOZED (by the job itself).';
comment on column job_attempts_v.error_details is 'What went wrong, as JSON.';
