create or replace view schedules_v as
select s.schedule_name
      ,s.cron_expression
      ,s.time_zone
      ,s.missed_runs
      ,s.paused
      ,s.next_run_at
      ,case
          when s.paused = 0 and s.next_run_at < sys_extract_utc(systimestamp) then
             round((cast(sys_extract_utc(systimestamp) as date) - cast(s.next_run_at as date)) * 86400)
          else 0
       end as overdue_seconds
      ,s.last_run_at
      ,s.last_job_id
      ,j.status as last_status
      ,json_value(j.error_details, '$.sentence') as last_error
      ,s.kind
      ,s.table_name
      ,s.created_by
  from job_schedules s
  left join comparison_jobs j
    on j.job_id = s.last_job_id;

comment on table schedules_v is 'Jobs that come again: when next, and what became of the last one.';
comment on column schedules_v.schedule_name is 'Name of the schedule.';
comment on column schedules_v.cron_expression is 'When, as five fields of cron: minute, hour, day of month, month, day of week.';
comment on column schedules_v.time_zone is 'IANA name of the zone in which the expression is read.';
comment on column schedules_v.missed_runs is 'What happens to due times at which nobody was there: SKIP, ONCE or ALL.';
comment on column schedules_v.paused is '1 while no job is made.';
comment on column schedules_v.next_run_at is 'UTC time of the next run; NULL when there is none.';
comment on column schedules_v.overdue_seconds is 'Seconds since NEXT_RUN_AT has passed; more than a minute means that no worker does the housekeeping.';
comment on column schedules_v.last_run_at is 'UTC time for which the last job was made.';
comment on column schedules_v.last_job_id is 'Last job, also one run by hand.';
comment on column schedules_v.last_status is 'Its status; NULL when there is none or it was purged.';
comment on column schedules_v.last_error is 'What went wrong with it.';
comment on column schedules_v.kind is 'Kind of its jobs.';
comment on column schedules_v.table_name is 'Table that its jobs are about.';
comment on column schedules_v.created_by is 'User who made it.';
