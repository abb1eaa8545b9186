-- Reads the four small indexes of active jobs; finished jobs cost nothing.
create or replace view queue_depth_v as
select a.queue_name
      ,sum(a.is_ready)   as ready_jobs
      ,sum(a.is_waiting) as waiting_jobs
      ,sum(a.is_running) as running_jobs
      ,nvl(round((cast(sys_extract_utc(systimestamp) as date) - cast(min(a.ready_since) as date)) * 86400), 0) as oldest_wait_seconds
      ,sum(a.is_held)    as held_jobs
      ,max(a.paused)     as paused
      ,max(a.max_running) as max_running
  from (
          select r.queue_name
                ,1        as is_ready
                ,0        as is_waiting
                ,0        as is_running
                ,0        as is_held
                ,r.due_at as ready_since
                ,0        as paused
                ,cast(null as number) as max_running
            from comparison_jobs r
           where case when r.status = 'PENDING' and r.ready = 1 then r.queue_name end is not null
          union all
          select w.queue_name
                ,0
                ,1
                ,0
                ,0
                ,cast(null as timestamp(6))
                ,0
                ,cast(null as number)
            from comparison_jobs w
           where case when w.status = 'PENDING' and w.ready = 0 and w.held = 0 then w.due_at end is not null
          union all
          select x.queue_name
                ,0
                ,0
                ,1
                ,0
                ,cast(null as timestamp(6))
                ,0
                ,cast(null as number)
            from comparison_jobs x
           where case when x.status = 'RUNNING' then x.worker_id end is not null
          union all
          select h.queue_name
                ,0
                ,0
                ,0
                ,1
                ,cast(null as timestamp(6))
                ,0
                ,cast(null as number)
            from comparison_jobs h
           where case when h.held = 1 then h.queue_name end is not null
          union all
          select q.queue_name
                ,0
                ,0
                ,0
                ,0
                ,cast(null as timestamp(6))
                ,q.paused
                ,q.max_running
            from job_queues q
           where q.paused = 1
              or q.max_running is not null
       ) a
 group by a.queue_name;

comment on table queue_depth_v is 'How much work each queue holds now. Queues without active jobs appear only while they are paused or limited.';
comment on column queue_depth_v.queue_name is 'The queue.';
comment on column queue_depth_v.ready_jobs is 'Jobs that a worker may claim at once.';
comment on column queue_depth_v.waiting_jobs is 'Jobs that wait for their time: delayed, or between two attempts.';
comment on column queue_depth_v.running_jobs is 'Jobs that run.';
comment on column queue_depth_v.oldest_wait_seconds is 'Seconds since the oldest claimable job became due; 0 when there is none.';
comment on column queue_depth_v.held_jobs is 'Jobs that somebody holds.';
comment on column queue_depth_v.paused is '1 while nothing is claimed from the queue.';
comment on column queue_depth_v.max_running is 'Jobs of the queue that run at once in the whole fleet; NULL for no limit.';
