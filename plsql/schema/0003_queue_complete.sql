-- Hold, pause, limits, policies by kind, checkpoints, the history of attempts, and rules that keep a row legal
-- whoever updates it.

alter table comparison_jobs add (
   held                           number(1)                       default 0 not null
  ,limit_key                      varchar2(128 char)
  ,checkpoint                     clob
);

comment on column comparison_jobs.held is '1 while the job is held: it waits and is not claimed until somebody lets it go.';
comment on column comparison_jobs.limit_key is 'What the job puts load on, for example a database: JOB_LIMITS says how many jobs with the same key run at once in the whole fleet.';
comment on column comparison_jobs.checkpoint is 'How far the job has come, as JSON, for an attempt that goes on where the last one stopped; cleared when the job completes.';
comment on column comparison_jobs.ready is '1 when a PENDING job may be claimed; 0 while it is held or waits for DUE_AT. Set to 0 by a trigger when DUE_AT lies in the future, to 1 by a claim when the time has come.';
comment on column comparison_jobs.max_attempts is 'Attempts after which the job is FAILED for good. JOB_KINDS says the usual number.';
comment on column comparison_jobs.error_details is 'Last failure as JSON: code, sentence, attempt, worker, retryable, at, and fields by code.';

-- Rows that break the rules below can only come from a plain UPDATE by hand; they are mended before the rules hold.
update comparison_jobs j
   set j.completed_at = j.updated_at
 where j.status in ('COMPLETED', 'FAILED', 'CANCELLED')
   and j.completed_at is null;

update comparison_jobs j
   set j.completed_at = null
 where j.status in ('PENDING', 'RUNNING')
   and j.completed_at is not null;

update comparison_jobs j
   set j.worker_id = null
 where j.status = 'PENDING'
   and j.worker_id is not null;

update comparison_jobs j
   set j.cancel_requested = 0
 where j.status <> 'RUNNING'
   and j.cancel_requested = 1;

update comparison_jobs j
   set j.run_token = greatest(j.run_token, 1)
      ,j.attempt   = greatest(j.attempt, 1)
 where j.status = 'RUNNING'
   and (j.run_token < 1 or j.attempt < 1);

alter table comparison_jobs add constraint comparison_jobs_held_ck check (held = 0 or (held = 1 and status = 'PENDING' and ready = 0));

alter table comparison_jobs add constraint comparison_jobs_checkpoint_ck check (checkpoint is json);

alter table comparison_jobs add constraint comparison_jobs_pending_ck check (status <> 'PENDING' or worker_id is null);

alter table comparison_jobs add constraint comparison_jobs_run_ck check (status <> 'RUNNING' or (run_token >= 1 and attempt >= 1));

alter table comparison_jobs add constraint comparison_jobs_ended_ck check ((status in ('PENDING', 'RUNNING') and completed_at is null) or (status not in ('PENDING', 'RUNNING') and completed_at is not null));

alter table comparison_jobs add constraint comparison_jobs_cancel_ck check (cancel_requested = 0 or status = 'RUNNING');

alter table comparison_jobs add constraint comparison_jobs_limit_key_ck check (limit_key = trim(limit_key));

-- The limit key stands in the index of claimable jobs so that a claim passes over the jobs of a full key without
-- a visit to their rows. JOB_QUEUE.CLAIM repeats these expressions letter by letter.
drop index comparison_jobs_claim_idx;

create index comparison_jobs_claim_idx on comparison_jobs (
   case when status = 'PENDING' and ready = 1 then queue_name end
  ,case when status = 'PENDING' and ready = 1 then priority end
  ,case when status = 'PENDING' and ready = 1 then due_at end
  ,case when status = 'PENDING' and ready = 1 then job_id end
  ,case when status = 'PENDING' and ready = 1 then limit_key end
) initrans 16;

-- Held jobs are not among those that wait for their time.
drop index comparison_jobs_waiting_idx;

create index comparison_jobs_waiting_idx on comparison_jobs (
   case when status = 'PENDING' and ready = 0 and held = 0 then due_at end
) initrans 16;

-- Running jobs that count against a limit key.
create index comparison_jobs_running_key_idx on comparison_jobs (
   case when status = 'RUNNING' then limit_key end
) initrans 16;

-- Jobs that have ended, by the time of their end: retention and history. The others have no COMPLETED_AT.
create index comparison_jobs_completed_at_idx on comparison_jobs (completed_at) initrans 16;

-- Whoever writes, also a DBA with a plain UPDATE: the change feed sees it, a job whose time lies in the future is
-- not claimable, and the fence holds: a token that fell, or a run that began under an old one, would let a worker
-- that lost the job long ago write again.
create or replace trigger comparison_jobs_stamp_trg
   before insert or update on comparison_jobs
   for each row
begin
   :new.updated_at  := sys_extract_utc(systimestamp);
   :new.row_version := nvl(:old.row_version, 0) + 1;
   if :new.status = 'PENDING' and (:new.held = 1 or :new.due_at > :new.updated_at) then
      :new.ready := 0;
   end if;
   if :new.run_token < :old.run_token then
      raise_application_error(-20002, 'RUN_TOKEN of job ' || :old.job_id || ' never falls.');
   end if;
   if :new.status = 'RUNNING' and :old.status <> 'RUNNING' and :new.run_token = :old.run_token then
      raise_application_error(-20002, 'Job ' || :old.job_id || ' is started by a claim and not by an UPDATE of STATUS.');
   end if;
end comparison_jobs_stamp_trg;
/

create table job_attempts (
   job_id                         varchar2(36 char)               not null
  ,run_token                      number(18)                      not null
  ,attempt                        number(5)                       not null
  ,worker_id                      varchar2(64 char)               not null
  ,started_at                     timestamp(6)                    not null
  ,ended_at                       timestamp(6)                    not null
  ,outcome                        varchar2(20 char)               not null
  ,error_details                  clob
  ,constraint job_attempts_pk               primary key (job_id, run_token)
  ,constraint job_attempts_job_fk           foreign key (job_id) references comparison_jobs (job_id) on delete cascade
  ,constraint job_attempts_outcome_ck       check (outcome in ('FAILED', 'CANCELLED', 'LOST', 'RELEASED', 'SNOOZED'))
  ,constraint job_attempts_error_details_ck check (error_details is json)
) initrans 8;

comment on table job_attempts is 'Runs of a job before its current or last one; that one stands in COMPARISON_JOBS. JOB_ATTEMPTS_V shows both.';
comment on column job_attempts.job_id is 'The job.';
comment on column job_attempts.run_token is 'Fence token of the run.';
comment on column job_attempts.attempt is 'Number of the attempt; a run that was given back shares its number with the next one.';
comment on column job_attempts.worker_id is 'Worker that ran it.';
comment on column job_attempts.started_at is 'UTC time at which it started.';
comment on column job_attempts.ended_at is 'UTC time at which it ended.';
comment on column job_attempts.outcome is 'FAILED, CANCELLED, LOST (with its worker), RELEASED (by a draining worker) or SNOOZED (by the job itself).';
comment on column job_attempts.error_details is 'What went wrong, as in COMPARISON_JOBS.ERROR_DETAILS.';

create table job_kinds (
   kind                           varchar2(30 char)               not null
  ,queue_name                     varchar2(30 char)               not null
  ,priority                       number(2)                       not null
  ,max_attempts                   number(5)                       not null
  ,backoff_base_seconds           number(10,2)                    not null
  ,backoff_factor                 number(6,2)                     not null
  ,backoff_cap_seconds            number(10,2)                    not null
  ,backoff_jitter                 number(3,2)                     not null
  ,constraint job_kinds_pk              primary key (kind)
  ,constraint job_kinds_priority_ck     check (priority between 0 and 9)
  ,constraint job_kinds_max_attempts_ck check (max_attempts >= 1)
  ,constraint job_kinds_backoff_ck      check (backoff_base_seconds >= 0 and backoff_factor >= 1 and backoff_cap_seconds >= backoff_base_seconds)
  ,constraint job_kinds_jitter_ck       check (backoff_jitter between 0 and 1)
);

comment on table job_kinds is 'What a kind of job gets unless its enqueuer says otherwise, and how its attempts are spaced. A kind without a row gets the constants of JOB_QUEUE. Written through JOB_QUEUE.SET_KIND.';
comment on column job_kinds.kind is 'The kind, as in COMPARISON_JOBS.KIND.';
comment on column job_kinds.queue_name is 'Queue of its jobs.';
comment on column job_kinds.priority is '0 is claimed first, 9 last.';
comment on column job_kinds.max_attempts is 'Attempts after which a job is FAILED for good.';
comment on column job_kinds.backoff_base_seconds is 'Wait after the first failed attempt.';
comment on column job_kinds.backoff_factor is 'By how much each further wait is longer than the one before.';
comment on column job_kinds.backoff_cap_seconds is 'Longest wait, before chance is applied.';
comment on column job_kinds.backoff_jitter is 'Part by which chance makes a wait longer or shorter: 0.25 is a quarter more or less.';

create table job_queues (
   queue_name                     varchar2(30 char)               not null
  ,paused                         number(1)                       default 0 not null
  ,paused_by                      varchar2(128 char)
  ,paused_at                      timestamp(6)
  ,max_running                    number(5)
  ,constraint job_queues_pk             primary key (queue_name)
  ,constraint job_queues_paused_ck      check (paused in (0, 1))
  ,constraint job_queues_max_running_ck check (max_running >= 0)
);

comment on table job_queues is 'Queues that are paused or limited; a queue without a row is neither. Written through JOB_QUEUE.';
comment on column job_queues.queue_name is 'The queue.';
comment on column job_queues.paused is '1 while nothing is claimed from it; what runs goes on.';
comment on column job_queues.paused_by is 'Who paused it.';
comment on column job_queues.paused_at is 'UTC time at which it was paused.';
comment on column job_queues.max_running is 'Jobs of the queue that run at once in the whole fleet; NULL for no limit.';

create table job_limits (
   limit_key                      varchar2(128 char)              not null
  ,max_running                    number(5)                       not null
  ,constraint job_limits_pk             primary key (limit_key)
  ,constraint job_limits_limit_key_ck   check (limit_key = trim(limit_key))
  ,constraint job_limits_max_running_ck check (max_running >= 0)
);

comment on table job_limits is 'How many jobs with the same limit key run at once in the whole fleet; a key without a row has no limit. Written through JOB_QUEUE.';
comment on column job_limits.limit_key is 'The key, as in COMPARISON_JOBS.LIMIT_KEY.';
comment on column job_limits.max_running is 'Jobs with this key that run at once.';

create table job_limit_lock (
   lock_id                        number(1)                       not null
  ,constraint job_limit_lock_pk     primary key (lock_id)
  ,constraint job_limit_lock_one_ck check (lock_id = 1)
);

insert into job_limit_lock (lock_id)
select 1
  from dual
 where not exists (select 1 from job_limit_lock);

comment on table job_limit_lock is 'One row. A claim that has a limit to keep holds its lock until it is committed, so that such claims count one after the other.';
comment on column job_limit_lock.lock_id is 'Always 1.';

create table housekeeping_leader (
   leader_id                      number(1)                       not null
  ,worker_id                      varchar2(64 char)
  ,elected_at                     timestamp(6)
  ,elected_until                  timestamp(6)
  ,constraint housekeeping_leader_pk     primary key (leader_id)
  ,constraint housekeeping_leader_one_ck check (leader_id = 1)
);

insert into housekeeping_leader (leader_id)
select 1
  from dual
 where not exists (select 1 from housekeeping_leader);

comment on table housekeeping_leader is 'One row: the worker that does the housekeeping for all. It renews its term; when it stops another one takes over.';
comment on column housekeeping_leader.leader_id is 'Always 1.';
comment on column housekeeping_leader.worker_id is 'The elected worker.';
comment on column housekeeping_leader.elected_at is 'UTC time since which it has been elected without a break.';
comment on column housekeeping_leader.elected_until is 'UTC time at which its term ends unless it renews it.';
