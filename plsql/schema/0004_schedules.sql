-- Jobs that come again: one row per schedule, and on each job which schedule made it and for which time.

create table job_schedules (
   schedule_name                  varchar2(100 char)              not null
  ,cron_expression                varchar2(200 char)              not null
  ,time_zone                      varchar2(64 char)               not null
  ,missed_runs                    varchar2(10 char)               default 'ONCE' not null
  ,paused                         number(1)                       default 0 not null
  ,next_run_at                    timestamp(6)
  ,last_run_at                    timestamp(6)
  ,last_job_id                    varchar2(36 char)
  ,kind                           varchar2(30 char)               not null
  ,table_name                     varchar2(128 char)              not null
  ,queue_name                     varchar2(30 char)
  ,priority                       number(2)
  ,max_attempts                   number(5)
  ,limit_key                      varchar2(128 char)
  ,request_config                 clob                            not null
  ,created_by                     varchar2(128 char)
  ,created_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,row_version                    number(18)                      default 0 not null
  ,updated_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,constraint job_schedules_pk                primary key (schedule_name)
  ,constraint job_schedules_missed_runs_ck    check (missed_runs in ('SKIP', 'ONCE', 'ALL'))
  ,constraint job_schedules_paused_ck         check (paused in (0, 1))
  ,constraint job_schedules_priority_ck       check (priority between 0 and 9)
  ,constraint job_schedules_max_attempts_ck   check (max_attempts >= 1)
  ,constraint job_schedules_request_config_ck check (request_config is json)
) initrans 4;

create or replace trigger job_schedules_stamp_trg
   before insert or update on job_schedules
   for each row
begin
   :new.updated_at  := sys_extract_utc(systimestamp);
   :new.row_version := nvl(:old.row_version, 0) + 1;
end job_schedules_stamp_trg;
/

comment on table job_schedules is 'Jobs that come again. Written through package SCHEDULES; a worker elected for the housekeeping turns due times into jobs.';
comment on column job_schedules.schedule_name is 'Name of the schedule.';
comment on column job_schedules.cron_expression is 'When, as five fields of cron: minute, hour, day of month, month, day of week. A change by hand counts from the run after the next one.';
comment on column job_schedules.time_zone is 'IANA name of the zone in which the expression is read, for example Europe/Berlin.';
comment on column job_schedules.missed_runs is 'What happens to due times at which nobody was there to make a job: SKIP makes none, ONCE one for all of them, ALL one for each.';
comment on column job_schedules.paused is '1 while no job is made.';
comment on column job_schedules.next_run_at is 'UTC time of the next run; NULL when the expression has no more.';
comment on column job_schedules.last_run_at is 'UTC time for which the last job was made.';
comment on column job_schedules.last_job_id is 'Last job that was made, also by hand; it may have been purged.';
comment on column job_schedules.kind is 'Kind of its jobs.';
comment on column job_schedules.table_name is 'Table that its jobs are about.';
comment on column job_schedules.queue_name is 'Queue of its jobs; NULL for the usual one of the kind.';
comment on column job_schedules.priority is 'Priority of its jobs; NULL for the usual one of the kind.';
comment on column job_schedules.max_attempts is 'Attempts of its jobs; NULL for the usual number of the kind.';
comment on column job_schedules.limit_key is 'Limit key of its jobs.';
comment on column job_schedules.request_config is 'Request of its jobs as JSON.';
comment on column job_schedules.created_by is 'User who made the schedule; its jobs are submitted in that name.';
comment on column job_schedules.created_at is 'UTC time at which it was made.';
comment on column job_schedules.row_version is 'Number of changes of this row; stamped by a trigger.';
comment on column job_schedules.updated_at is 'UTC time of the last change of this row; stamped by a trigger.';

alter table comparison_jobs add (
   schedule_name                  varchar2(100 char)
  ,scheduled_for                  timestamp(6)
);

comment on column comparison_jobs.schedule_name is 'Schedule that made the job (JOB_SCHEDULES.SCHEDULE_NAME).';
comment on column comparison_jobs.scheduled_for is 'UTC due time of the schedule for which the job was made; NULL when it was run by hand.';

-- One job per schedule and due time, whoever makes it.
create unique index comparison_jobs_scheduled_uk on comparison_jobs (
   case when scheduled_for is not null then schedule_name end
  ,scheduled_for
) initrans 4;
