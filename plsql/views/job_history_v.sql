create or replace view job_history_v as
select h.ended_hour
      ,h.kind
      ,h.queue_name
      ,sum(case h.status when 'COMPLETED' then 1 else 0 end) as completed_jobs
      ,sum(case h.status when 'FAILED' then 1 else 0 end)    as failed_jobs
      ,sum(case h.status when 'CANCELLED' then 1 else 0 end) as cancelled_jobs
      ,round(avg(h.execution_time_seconds), 2)               as average_run_seconds
      ,max(h.execution_time_seconds)                         as longest_run_seconds
      ,round(avg(h.start_delay_seconds), 2)                  as average_delay_seconds
      ,round(max(h.start_delay_seconds), 2)                  as longest_delay_seconds
  from (
          select trunc(cast(j.completed_at as date), 'HH24') as ended_hour
                ,j.kind
                ,j.queue_name
                ,j.status
                ,j.execution_time_seconds
                ,(cast(j.started_at as date) - cast(j.due_at as date)) * 86400 as start_delay_seconds
            from comparison_jobs j
           where j.completed_at is not null
       ) h
 group by h.ended_hour
         ,h.kind
         ,h.queue_name;

comment on table job_history_v is 'Jobs that have ended, by hour, kind and queue. Reads all of them: give a range of ENDED_HOUR only to read, not to save work.';
comment on column job_history_v.ended_hour is 'UTC hour in which the jobs ended.';
comment on column job_history_v.kind is 'What the jobs do.';
comment on column job_history_v.queue_name is 'Queue from which they were claimed.';
comment on column job_history_v.completed_jobs is 'Jobs that have a result.';
comment on column job_history_v.failed_jobs is 'Jobs that failed for good.';
comment on column job_history_v.cancelled_jobs is 'Jobs that were cancelled.';
comment on column job_history_v.average_run_seconds is 'Average time from start to end of the last attempts.';
comment on column job_history_v.longest_run_seconds is 'Longest of these.';
comment on column job_history_v.average_delay_seconds is 'Average time from due to start of the last attempts, in whole seconds each.';
comment on column job_history_v.longest_delay_seconds is 'Longest of these.';
