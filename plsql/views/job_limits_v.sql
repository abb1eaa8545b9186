create or replace view job_limits_v as
select 'QUEUE'      as limit_kind
      ,q.queue_name as limit_name
      ,q.max_running
      ,(
          select count(*)
            from comparison_jobs j
           where case when j.status = 'RUNNING' then j.worker_id end is not null
             and j.queue_name = q.queue_name
       )            as running_jobs
  from job_queues q
 where q.max_running is not null
union all
select 'KEY'
      ,l.limit_key
      ,l.max_running
      ,(
          select count(*)
            from comparison_jobs j
           where case when j.status = 'RUNNING' then j.limit_key end = l.limit_key
       )
  from job_limits l;

comment on table job_limits_v is 'Limits over the whole fleet, and how much of each is used now. A limit that was lowered lets what runs end.';
comment on column job_limits_v.limit_kind is 'QUEUE for the jobs of a queue, KEY for the jobs with a limit key.';
comment on column job_limits_v.limit_name is 'The queue or the key.';
comment on column job_limits_v.max_running is 'Jobs that may run at once.';
comment on column job_limits_v.running_jobs is 'Jobs that run now.';
