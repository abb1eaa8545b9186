create or replace view job_failures_v as
select j.job_id
      ,j.kind
      ,j.table_name
      ,j.status
      ,j.attempt
      ,j.max_attempts
      ,json_value(j.error_details, '$.code')     as error_code
      ,json_value(j.error_details, '$.sentence') as error_sentence
      ,json_value(j.error_details, '$.worker')   as worker_id
      ,j.updated_at                              as failed_at
      ,case when j.status = 'PENDING' then j.due_at end as next_attempt_at
      ,j.submitted_by
  from comparison_jobs j
 where j.error_details is not null;

comment on table job_failures_v is 'Jobs whose last attempt failed or was cancelled, also those that wait for another attempt.';
comment on column job_failures_v.job_id is 'The job.';
comment on column job_failures_v.kind is 'What the job does.';
comment on column job_failures_v.table_name is 'Table that the job is about.';
comment on column job_failures_v.status is 'FAILED, CANCELLED, or PENDING when another attempt is to come.';
comment on column job_failures_v.attempt is 'Number of the attempt that failed.';
comment on column job_failures_v.max_attempts is 'Attempts after which the job fails for good.';
comment on column job_failures_v.error_code is 'worker_lost, cancelled, timed_out, out_of_memory, crashed, bad_request, database or engine.';
comment on column job_failures_v.error_sentence is 'What went wrong, for people.';
comment on column job_failures_v.worker_id is 'Worker on which it went wrong.';
comment on column job_failures_v.failed_at is 'UTC time of the last change of the job.';
comment on column job_failures_v.next_attempt_at is 'UTC time of the next attempt; NULL when there is none.';
comment on column job_failures_v.submitted_by is 'User who asked for the job.';
