create or replace package job_queue authid definer is
   /**
   * The queue of Concord: every change of COMPARISON_JOBS and WORKERS, for workers, the API and any SQL client.
   *
   * Nothing here commits: the caller does, so that a job can be enqueued in the transaction of its cause.
   * All timestamps are UTC (sys_extract_utc(systimestamp)); the database's clock is the only one that counts.
   *
   * A job: PENDING -> RUNNING -> COMPLETED | FAILED | CANCELLED, and RUNNING -> PENDING for another attempt.
   * A worker holds no lock while a job runs. It holds a fence token (RUN_TOKEN), given by claim; every later
   * write names job and token and is accepted only while the job is RUNNING under that token. A refused write
   * means that the job went to somebody else: stop the work and throw the result away.
   *
   * A row that another session has locked is waited for 5 seconds, then ORA-30006: roll back and try again.
   *
   * in_by is the name of the person who asks; it is kept with the job and shown to others.
   */

   co_not_found                   constant pls_integer := -20001; -- no job, user or worker with this name
   co_wrong_state                 constant pls_integer := -20002; -- not possible in this state; the text says which
   co_already_active              constant pls_integer := -20003; -- already waiting or running under this key
   co_bad_argument                constant pls_integer := -20004; -- the text says which argument, and why

   -- What a job gets when neither its enqueuer nor JOB_KINDS says otherwise.
   co_queue_name                  constant varchar2(30 char) := 'DEFAULT';
   co_priority                    constant pls_integer := 5;
   co_max_attempts                constant pls_integer := 3;
   co_backoff_base_seconds        constant pls_integer := 5;    -- wait after the first failed attempt
   co_backoff_factor              constant pls_integer := 2;    -- each wait is so many times the one before
   co_backoff_cap_seconds         constant pls_integer := 600;  -- longest wait
   co_backoff_jitter              constant number      := 0.25; -- a quarter more or less, by chance

   type t_text_list               is table of varchar2(4000 char)  index by pls_integer;
   type t_document_list           is table of varchar2(32767 char) index by pls_integer;
   type t_number_list             is table of number               index by pls_integer;

   /**
   * Puts one job into the queue and returns its id. What is null comes from JOB_KINDS or from the constants above.
   *
   * in_request_config    JSON; what stands in its array `tags` is found in JOB_TAGS
   * in_due_at            UTC time before which it does not start; null = at once
   * in_unique_key        at most one waiting or running job of the kind has this key; null = no limit
   * in_job_id            36 characters, given by the caller; null = made here
   * in_limit_key         what the job puts load on, for example a database: see set_key_limit
   * in_if_active         when a job of the kind waits or runs already under the unique key: REFUSE raises
   *                      co_already_active, RETURN returns the id of that job and enqueues nothing
   * raises               co_already_active, co_bad_argument
   */
   function enqueue(
      in_kind                     in comparison_jobs.kind%type
     ,in_table_name               in comparison_jobs.table_name%type
     ,in_request_config           in comparison_jobs.request_config%type
     ,in_submitted_by             in comparison_jobs.submitted_by%type
     ,in_queue_name               in comparison_jobs.queue_name%type   default null
     ,in_priority                 in comparison_jobs.priority%type     default null
     ,in_due_at                   in comparison_jobs.due_at%type       default null
     ,in_max_attempts             in comparison_jobs.max_attempts%type default null
     ,in_unique_key               in comparison_jobs.unique_key%type   default null
     ,in_job_id                   in comparison_jobs.job_id%type       default null
     ,in_limit_key                in comparison_jobs.limit_key%type    default null
     ,in_if_active                in varchar2                          default 'REFUSE'
   ) return varchar2;

   /**
   * Puts many jobs of one kind into the queue, all or none, in one round trip. Element i of each list belongs to
   * job i; all of them count from 1.
   *
   * in_request_configs   JSON of up to 32767 bytes each; enqueue takes longer ones
   * in_unique_keys       as for enqueue; an empty list or a missing element = no limit
   * in_limit_keys        as for enqueue; an empty list or a missing element = none
   * out_job_ids          ids of the jobs, in the order of the lists
   * raises               co_already_active, co_bad_argument
   */
   procedure enqueue_many(
      in_kind                     in  comparison_jobs.kind%type
     ,in_table_names              in  t_text_list
     ,in_request_configs          in  t_document_list
     ,in_submitted_by             in  comparison_jobs.submitted_by%type
     ,in_queue_name               in  comparison_jobs.queue_name%type
     ,in_priority                 in  comparison_jobs.priority%type
     ,in_due_at                   in  comparison_jobs.due_at%type
     ,in_max_attempts             in  comparison_jobs.max_attempts%type
     ,in_unique_keys              in  t_text_list
     ,in_limit_keys               in  t_text_list
     ,out_job_ids                 out t_text_list
   );

   /**
   * Takes up to in_limit jobs that are due, by priority and age, for a worker that has sent a heartbeat.
   * Jobs that another session claims at this moment are passed over, never waited for. Commit at once.
   * The four lists have the same length, from 1; no job: they are empty. A paused queue gives no job, a limited
   * one no more than its limit leaves; claims that have a limit to keep wait for each other's commit.
   *
   * raises               co_wrong_state when the worker is not (or no longer) registered
   */
   procedure claim(
      in_worker_id                in  workers.worker_id%type
     ,in_queue_name               in  comparison_jobs.queue_name%type
     ,in_limit                    in  pls_integer
     ,out_job_ids                 out t_text_list
     ,out_run_tokens              out t_number_list
     ,out_kinds                   out t_text_list
     ,out_attempts                out t_number_list
   );

   /**
   * Writes progress and brings back what the worker must do. With percentage, step and completion all null
   * nothing is written: the call only asks.
   *
   * out_verdict          GO = go on; CANCEL = stop, then call cancelled; STOP = fence lost, throw the work away
   */
   procedure progress(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,in_percentage               in  comparison_jobs.progress_percentage%type
     ,in_step                     in  comparison_jobs.current_step%type
     ,in_estimated_completion     in  comparison_jobs.estimated_completion%type
     ,out_verdict                 out varchar2
   );

   /**
   * Keeps how far a running job has come, so that its next attempt can go on from there. complete clears it.
   *
   * in_checkpoint        JSON; null clears it
   * out_accepted         1, or 0 when the fence is lost
   */
   procedure save_checkpoint(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,in_checkpoint               in  comparison_jobs.checkpoint%type
     ,out_accepted                out number
   );

   /**
   * Ends a job with its result.
   *
   * out_accepted         1, or 0 when the fence is lost
   */
   procedure complete(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,in_comparison_results       in  comparison_jobs.comparison_results%type
     ,in_column_mismatches        in  comparison_jobs.column_mismatches%type
     ,in_ml_analysis              in  comparison_jobs.ml_analysis%type
     ,in_total_prod               in  comparison_jobs.total_prod_records%type
     ,in_total_uat                in  comparison_jobs.total_uat_records%type
     ,in_match_percentage         in  comparison_jobs.match_percentage%type
     ,in_anomalies                in  comparison_jobs.anomalies_detected%type
     ,in_critical                 in  comparison_jobs.has_critical_issues%type
     ,out_accepted                out number
   );

   /**
   * Ends an attempt with an error. With attempts left, in_retryable = 1 and no cancel request the job waits
   * for its next attempt, as JOB_KINDS or the constants above say: base * factor ** (attempt - 1) seconds, at
   * most the cap, more or less by chance.
   *
   * in_error_details     a JSON object: code, sentence, attempt, worker, retryable; `at` is added here
   * out_status           PENDING, FAILED or CANCELLED; STOP when the fence is lost
   * raises               co_bad_argument when the details are not JSON
   */
   procedure fail(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,in_error_details            in  comparison_jobs.error_details%type
     ,in_retryable                in  number
     ,out_status                  out varchar2
   );

   /**
   * The worker says that the job, asked to stop, has stopped.
   *
   * out_accepted         1, or 0 when the fence is lost or no cancel was requested
   */
   procedure cancelled(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,out_accepted                out number
   );

   /**
   * A draining worker gives a running job back, with its attempt: it is PENDING at once, or CANCELLED when a
   * cancel was requested.
   *
   * out_accepted         1, or 0 when the fence is lost
   */
   procedure release(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,out_accepted                out number
   );

   /**
   * A running job puts itself off: it is PENDING with its attempt given back and runs again after in_seconds, or
   * it is CANCELLED when a cancel was requested.
   *
   * in_seconds           0 or more
   * in_step              what it waits for, for people
   * out_accepted         1, or 0 when the fence is lost
   * raises               co_bad_argument
   */
   procedure snooze(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,in_seconds                  in  number
     ,in_step                     in  comparison_jobs.current_step%type
     ,out_accepted                out number
   );

   /**
   * Cancels a job: a PENDING one at once, a RUNNING one within seconds, by its worker.
   *
   * out_status           CANCELLED, or RUNNING when its worker has been asked to stop it
   * raises               co_not_found, co_wrong_state when it has already ended
   */
   procedure cancel(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_by                       in  varchar2
     ,out_status                  out varchar2
   );

   /**
   * Runs a FAILED or CANCELLED job again, with all its attempts. What its earlier attempts came to stays in
   * JOB_ATTEMPTS_V.
   *
   * out_status           PENDING
   * raises               co_not_found, co_wrong_state, co_already_active
   */
   procedure retry(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_by                       in  varchar2
     ,out_status                  out varchar2
   );

   /**
   * Keeps a PENDING job from being claimed until unhold. Holding a held job changes nothing.
   *
   * raises               co_not_found, co_wrong_state when it is not PENDING
   */
   procedure hold(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_by                       in  varchar2
   );

   /**
   * Lets a held job go: it is claimed when its time has come. A job that is not held stays as it is.
   *
   * raises               co_not_found, co_wrong_state when it is not PENDING
   */
   procedure unhold(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_by                       in  varchar2
   );

   /**
   * Gives a PENDING job another priority.
   *
   * in_priority          0 is claimed first, 9 last
   * raises               co_not_found, co_wrong_state when it is not PENDING, co_bad_argument
   */
   procedure set_priority(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_priority                 in  comparison_jobs.priority%type
   );

   /**
   * Nothing is claimed from the queue any more; what runs goes on. Pausing a paused queue changes nothing.
   */
   procedure pause_queue(
      in_queue_name               in  job_queues.queue_name%type
     ,in_by                       in  varchar2
   );

   /**
   * The queue is claimed from again. Resuming a queue that is not paused changes nothing.
   */
   procedure resume_queue(
      in_queue_name               in  job_queues.queue_name%type
   );

   /**
   * Limits how many jobs of a queue run at once in the whole fleet. Jobs that run already are left alone.
   *
   * in_max_running       0 or more; null = no limit
   * raises               co_bad_argument
   */
   procedure set_limit(
      in_queue_name               in  job_queues.queue_name%type
     ,in_max_running              in  job_queues.max_running%type
   );

   /**
   * Limits how many jobs with a limit key run at once in the whole fleet, whatever their queues. Jobs that run
   * already are left alone.
   *
   * in_max_running       0 or more; null = no limit
   * raises               co_bad_argument
   */
   procedure set_key_limit(
      in_limit_key                in  job_limits.limit_key%type
     ,in_max_running              in  job_limits.max_running%type
   );

   /**
   * Says what jobs of a kind get unless their enqueuer says otherwise, and how their attempts are spaced. What is
   * null becomes the constant above. Jobs that exist keep their queue, priority and number of attempts.
   *
   * raises               co_bad_argument
   */
   procedure set_kind(
      in_kind                     in  job_kinds.kind%type
     ,in_queue_name               in  job_kinds.queue_name%type           default null
     ,in_priority                 in  job_kinds.priority%type             default null
     ,in_max_attempts             in  job_kinds.max_attempts%type         default null
     ,in_backoff_base_seconds     in  job_kinds.backoff_base_seconds%type default null
     ,in_backoff_factor           in  job_kinds.backoff_factor%type       default null
     ,in_backoff_cap_seconds      in  job_kinds.backoff_cap_seconds%type  default null
     ,in_backoff_jitter           in  job_kinds.backoff_jitter%type       default null
   );

   /**
   * A worker's sign of life; the first one registers it.
   *
   * out_known            1, or 0 when the worker was not registered until now. A worker that has sent a
   *                      heartbeat before and reads 0 was declared lost: its jobs are no longer its own.
   */
   procedure heartbeat(
      in_worker_id                in  workers.worker_id%type
     ,in_hostname                 in  workers.hostname%type
     ,in_pid                      in  workers.pid%type
     ,in_status                   in  workers.status%type
     ,in_wakeup_mode              in  workers.wakeup_mode%type
     ,in_slots                    in  workers.slots%type
     ,in_running                  in  workers.running_jobs%type
     ,in_lease_seconds            in  workers.lease_seconds%type
     ,in_version                  in  workers.version%type
     ,out_known                   out number
   );

   /**
   * Takes the running jobs away from workers whose lease is over or that are not registered, and removes such
   * workers. Any number of sessions may do this at once: they pass over each other's rows.
   *
   * out_requeued         jobs that are PENDING again
   * out_failed           jobs that had no attempt left, or were asked to stop
   */
   procedure requeue_lost(
      out_requeued                out number
     ,out_failed                  out number
   );

   /**
   * Makes jobs claimable whose time has come, at most 100 of them. Every claim does this; a housekeeper that does
   * it too lets QUEUE_DEPTH_V tell the truth also when nobody claims.
   *
   * out_promoted         jobs that are claimable now and were not before
   */
   procedure promote_due(
      out_promoted                out number
   );

   /**
   * Elects one worker for the housekeeping: whoever asks first after the last term has ended. The elected one asks
   * again before its own term ends. Nothing breaks when two believe to be elected: all housekeeping is safe to do
   * twice.
   *
   * in_term_seconds      how long the election holds
   * out_elected          1 when this worker is elected until the end of the term, else 0
   */
   procedure elect(
      in_worker_id                in  workers.worker_id%type
     ,in_term_seconds             in  number
     ,out_elected                 out number
   );

   /**
   * The time such that exactly the jobs that ended before it may be purged: they ended more than in_keep_days ago,
   * or in_keep_jobs others ended after them. Null means no limit of that sort; both null: null, purge nothing.
   *
   * in_keep_days         0 or more, may have decimals
   * in_keep_jobs         0 or more
   * raises               co_bad_argument
   */
   function purge_horizon(
      in_keep_days                in number
     ,in_keep_jobs                in number
   ) return timestamp;

   /**
   * Deletes up to in_limit jobs that ended before a time, with their history; never one that waits or runs. Rows
   * that somebody has locked are passed over. Commit after each call and call again while out_purged = in_limit.
   *
   * in_ended_before      UTC; see purge_horizon. Null: nothing is deleted
   * in_limit             1 to 10000
   * raises               co_bad_argument
   */
   procedure purge(
      in_ended_before             in  comparison_jobs.completed_at%type
     ,in_limit                    in  pls_integer
     ,out_purged                  out number
   );

   /**
   * Inserts a row into NOTIFICATION_PINGS: whoever is subscribed to it and hears nothing of it is deaf.
   */
   procedure ping(
      in_worker_id                in  workers.worker_id%type
   );

   /**
   * A worker says good-bye. If it still has running jobs they count as lost from now on.
   */
   procedure retire_worker(
      in_worker_id                in  workers.worker_id%type
   );
end job_queue;
/
