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
   */

   co_not_found                   constant pls_integer := -20001; -- no job, user or worker with this name
   co_wrong_state                 constant pls_integer := -20002; -- not possible in this state; the text says which
   co_already_active              constant pls_integer := -20003; -- already waiting or running under this key
   co_bad_argument                constant pls_integer := -20004; -- the text says which argument, and why

   type t_text_list               is table of varchar2(4000 char) index by pls_integer;
   type t_number_list             is table of number              index by pls_integer;

   /**
   * Puts one job into the queue and returns its id.
   *
   * in_due_at            UTC time before which it does not start; null = at once
   * in_unique_key        at most one waiting or running job of the kind has this key; null = no limit
   * in_job_id            36 characters, given by the caller; null = made here
   * raises               co_already_active, co_bad_argument
   */
   function enqueue(
      in_kind                     in comparison_jobs.kind%type
     ,in_table_name               in comparison_jobs.table_name%type
     ,in_request_config           in comparison_jobs.request_config%type
     ,in_submitted_by             in comparison_jobs.submitted_by%type
     ,in_queue_name               in comparison_jobs.queue_name%type   default 'DEFAULT'
     ,in_priority                 in comparison_jobs.priority%type     default 5
     ,in_due_at                   in comparison_jobs.due_at%type       default null
     ,in_max_attempts             in comparison_jobs.max_attempts%type default 3
     ,in_unique_key               in comparison_jobs.unique_key%type   default null
     ,in_job_id                   in comparison_jobs.job_id%type       default null
   ) return varchar2;

   /**
   * Takes up to in_limit jobs that are due, by priority and age, for a worker that has sent a heartbeat.
   * Jobs that another session claims at this moment are passed over, never waited for. Commit at once.
   * The four lists have the same length, from 1; no job: they are empty.
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
   * for its next attempt: 5 s after the first, doubling up to 10 minutes, a quarter more or less by chance.
   *
   * in_error_details     JSON: code, sentence, attempt, worker, retryable, at
   * out_status           PENDING, FAILED or CANCELLED; STOP when the fence is lost
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
   * Runs a FAILED or CANCELLED job again, with all its attempts.
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
