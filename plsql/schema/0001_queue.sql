-- COMPARISON_JOBS is the queue, the record and the result; WORKERS says who is alive.
-- All timestamps are UTC, taken from the database's clock: sys_extract_utc(systimestamp).

create table comparison_jobs (
   job_id                         varchar2(36 char)               not null
  ,kind                           varchar2(30 char)               default 'COMPARE' not null
  ,table_name                     varchar2(128 char)              not null
  ,status                         varchar2(20 char)               default 'PENDING' not null
  ,queue_name                     varchar2(30 char)               default 'DEFAULT' not null
  ,priority                       number(2)                       default 5 not null
  ,due_at                         timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,ready                          number(1)                       default 1 not null
  ,attempt                        number(5)                       default 0 not null
  ,max_attempts                   number(5)                       default 3 not null
  ,run_token                      number(18)                      default 0 not null
  ,worker_id                      varchar2(64 char)
  ,cancel_requested               number(1)                       default 0 not null
  ,unique_key                     varchar2(200 char)
  ,submitted_by                   varchar2(128 char)
  ,progress_percentage            number(5,2)                     default 0 not null
  ,current_step                   varchar2(200 char)
  ,estimated_completion           timestamp(6)
  ,created_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,started_at                     timestamp(6)
  ,completed_at                   timestamp(6)
  ,execution_time_seconds         number(10,2)
  ,request_config                 clob                            not null
  ,comparison_results             clob
  ,column_mismatches              clob
  ,ml_analysis                    clob
  ,error_details                  clob
  ,total_uat_records              number(15)
  ,total_prod_records             number(15)
  ,match_percentage               number(5,2)
  ,anomalies_detected             number(10)
  ,has_critical_issues            number(1)
  ,row_version                    number(18)                      default 0 not null
  ,updated_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,constraint comparison_jobs_pk                    primary key (job_id)
  ,constraint comparison_jobs_status_ck             check (status in ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'))
  ,constraint comparison_jobs_priority_ck           check (priority between 0 and 9)
  ,constraint comparison_jobs_ready_ck              check (ready in (0, 1))
  ,constraint comparison_jobs_attempt_ck            check (attempt >= 0)
  ,constraint comparison_jobs_max_attempts_ck       check (max_attempts >= 1)
  ,constraint comparison_jobs_cancel_requested_ck   check (cancel_requested in (0, 1))
  ,constraint comparison_jobs_progress_ck           check (progress_percentage between 0 and 100)
  ,constraint comparison_jobs_match_ck              check (match_percentage between 0 and 100)
  ,constraint comparison_jobs_critical_ck           check (has_critical_issues in (0, 1))
  ,constraint comparison_jobs_running_ck            check (status <> 'RUNNING' or (worker_id is not null and started_at is not null))
  ,constraint comparison_jobs_request_config_ck     check (request_config is json)
  ,constraint comparison_jobs_comparison_results_ck check (comparison_results is json)
  ,constraint comparison_jobs_column_mismatches_ck  check (column_mismatches is json)
  ,constraint comparison_jobs_ml_analysis_ck        check (ml_analysis is json)
  ,constraint comparison_jobs_error_details_ck      check (error_details is json)
) pctfree 20 initrans 8;

-- Claimable jobs only, in the order in which they are claimed: a row in any other state has NULL in all four
-- expressions and so no entry. JOB_QUEUE.CLAIM repeats these expressions letter by letter.
create index comparison_jobs_claim_idx on comparison_jobs (
   case when status = 'PENDING' and ready = 1 then queue_name end
  ,case when status = 'PENDING' and ready = 1 then priority end
  ,case when status = 'PENDING' and ready = 1 then due_at end
  ,case when status = 'PENDING' and ready = 1 then job_id end
) initrans 16;

-- Jobs that wait for their time. JOB_QUEUE.CLAIM reads the part of it that is due and nothing of the future.
create index comparison_jobs_waiting_idx on comparison_jobs (
   case when status = 'PENDING' and ready = 0 then due_at end
) initrans 16;

-- What runs, and where: the way from a lost worker to its jobs.
create index comparison_jobs_running_idx on comparison_jobs (
   case when status = 'RUNNING' then worker_id end
) initrans 16;

-- At most one waiting or running job per kind and unique key; jobs without a key have no entry.
create unique index comparison_jobs_active_uk on comparison_jobs (
   case when status in ('PENDING', 'RUNNING') and unique_key is not null then kind end
  ,case when status in ('PENDING', 'RUNNING') then unique_key end
) initrans 16;

-- The change feed: rows changed since a time.
create index comparison_jobs_updated_at_idx on comparison_jobs (updated_at) initrans 16;

-- The list of jobs, newest first.
create index comparison_jobs_created_at_idx on comparison_jobs (created_at, job_id) initrans 8;

-- Whoever writes, also a DBA with a plain UPDATE: the change feed sees it.
create or replace trigger comparison_jobs_stamp_trg
   before insert or update on comparison_jobs
   for each row
begin
   :new.updated_at  := sys_extract_utc(systimestamp);
   :new.row_version := nvl(:old.row_version, 0) + 1;
end comparison_jobs_stamp_trg;
/

comment on table comparison_jobs is 'Jobs of Concord: the queue, the record and the result in one row. Written through package JOB_QUEUE.';
comment on column comparison_jobs.job_id is 'UUID as 36 lower-case characters.';
comment on column comparison_jobs.kind is 'What the job does: COMPARE.';
comment on column comparison_jobs.table_name is 'Table that the job is about; the source table of a comparison.';
comment on column comparison_jobs.status is 'PENDING, RUNNING, COMPLETED, FAILED or CANCELLED.';
comment on column comparison_jobs.queue_name is 'Queue from which workers claim the job.';
comment on column comparison_jobs.priority is '0 is claimed first, 9 last.';
comment on column comparison_jobs.due_at is 'UTC time before which the job does not start.';
comment on column comparison_jobs.ready is '1 when a PENDING job may be claimed; 0 while it waits for DUE_AT. A claim sets it to 1 when the time has come.';
comment on column comparison_jobs.attempt is 'Number of the current or last attempt, from 1; 0 before the first. A drained worker gives its attempt back.';
comment on column comparison_jobs.max_attempts is 'Attempts after which the job is FAILED for good.';
comment on column comparison_jobs.run_token is 'Fence: rises with every claim and never falls. A worker writes only under the token of its own claim.';
comment on column comparison_jobs.worker_id is 'Worker that runs the job or ran it last (WORKERS.WORKER_ID); NULL while it waits.';
comment on column comparison_jobs.cancel_requested is '1 when a running job is asked to stop; its worker stops it within seconds.';
comment on column comparison_jobs.unique_key is 'At most one PENDING or RUNNING job of a kind has this key.';
comment on column comparison_jobs.submitted_by is 'User who asked for the job.';
comment on column comparison_jobs.progress_percentage is '0 to 100.';
comment on column comparison_jobs.current_step is 'What the job is doing, for people.';
comment on column comparison_jobs.estimated_completion is 'UTC time at which the running job is expected to end.';
comment on column comparison_jobs.created_at is 'UTC time at which the job was enqueued.';
comment on column comparison_jobs.started_at is 'UTC time at which the current or last attempt started.';
comment on column comparison_jobs.completed_at is 'UTC time at which the job became COMPLETED, FAILED or CANCELLED.';
comment on column comparison_jobs.execution_time_seconds is 'Seconds from the start of the last attempt to its end.';
comment on column comparison_jobs.request_config is 'The request as JSON.';
comment on column comparison_jobs.comparison_results is 'Summary, schema differences, samples and circumstances of the comparison as JSON.';
comment on column comparison_jobs.column_mismatches is 'Differences by column as JSON.';
comment on column comparison_jobs.ml_analysis is 'Findings of the statistical analysis as JSON.';
comment on column comparison_jobs.error_details is 'Last failure as JSON: code, sentence, attempt, worker, retryable, at.';
comment on column comparison_jobs.total_uat_records is 'Rows of the target table (side B).';
comment on column comparison_jobs.total_prod_records is 'Rows of the source table (side A).';
comment on column comparison_jobs.match_percentage is 'Equal rows in per cent of all keys, rounded down: 100 means equal.';
comment on column comparison_jobs.anomalies_detected is 'Number of anomalies that the statistical analysis found.';
comment on column comparison_jobs.has_critical_issues is '1 when the comparison found something that must not be overlooked.';
comment on column comparison_jobs.row_version is 'Number of changes of this row; stamped by a trigger.';
comment on column comparison_jobs.updated_at is 'UTC time of the last change of this row; stamped by a trigger.';

create table workers (
   worker_id                      varchar2(64 char)               not null
  ,hostname                       varchar2(255 char)              not null
  ,pid                            number(10)                      not null
  ,status                         varchar2(20 char)               not null
  ,wakeup_mode                    varchar2(20 char)               not null
  ,slots                          number(5)                       not null
  ,running_jobs                   number(5)                       default 0 not null
  ,started_at                     timestamp(6)                    not null
  ,heartbeat_at                   timestamp(6)                    not null
  ,lease_seconds                  number(8,2)                     not null
  ,version                        varchar2(30 char)               not null
  ,constraint workers_pk        primary key (worker_id)
  ,constraint workers_status_ck check (status in ('ACTIVE', 'DRAINING'))
  ,constraint workers_lease_ck  check (lease_seconds > 0)
) initrans 8;

comment on table workers is 'Worker processes that are alive, one row each. A row disappears when its process ends or is declared lost.';
comment on column workers.worker_id is 'Host, process number and a random part: never used twice.';
comment on column workers.hostname is 'Host on which the worker runs.';
comment on column workers.pid is 'Process number on that host.';
comment on column workers.status is 'ACTIVE, or DRAINING when it claims nothing more and ends soon.';
comment on column workers.wakeup_mode is 'How the worker learns of new jobs: cqn (notified), cqn-degraded (notification is down, it polls) or poll.';
comment on column workers.slots is 'Jobs that the worker runs at once.';
comment on column workers.running_jobs is 'Jobs that the worker runs now.';
comment on column workers.started_at is 'UTC time at which the worker came.';
comment on column workers.heartbeat_at is 'UTC time of its last sign of life.';
comment on column workers.lease_seconds is 'Silence after which the worker counts as lost and its jobs go to others.';
comment on column workers.version is 'Version of Concord that it runs.';

create table notification_pings (
   worker_id                      varchar2(64 char)               not null
  ,pinged_at                      timestamp(6)                    not null
  ,constraint notification_pings_pk primary key (worker_id)
) initrans 8;

comment on table notification_pings is 'Proof that change notification works: a worker that has heard nothing for a while inserts a row here and expects to be notified of it.';
comment on column notification_pings.worker_id is 'Worker that pinged; its row before this one is deleted.';
comment on column notification_pings.pinged_at is 'UTC time of the ping.';
