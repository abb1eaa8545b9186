create or replace package schedules authid definer is
   /**
   * Jobs that come again: every change of JOB_SCHEDULES. Nothing here commits: the caller does.
   *
   * The caller works out due times from the cron expression; the package sees to it that each of them makes at
   * most one job, however many callers believe that it is theirs to make.
   */

   co_not_found                   constant pls_integer := -20001; -- no schedule with this name
   co_already_exists              constant pls_integer := -20003; -- there is such a schedule already
   co_bad_argument                constant pls_integer := -20004; -- the text says which argument, and why

   /**
   * Makes a schedule.
   *
   * in_missed_runs       SKIP, ONCE or ALL; see JOB_SCHEDULES.MISSED_RUNS
   * in_next_run_at       UTC time of its first run; null = never
   * raises               co_already_exists, co_bad_argument
   */
   procedure create_schedule(
      in_schedule_name            in job_schedules.schedule_name%type
     ,in_cron_expression          in job_schedules.cron_expression%type
     ,in_time_zone                in job_schedules.time_zone%type
     ,in_missed_runs              in job_schedules.missed_runs%type
     ,in_paused                   in job_schedules.paused%type
     ,in_next_run_at              in job_schedules.next_run_at%type
     ,in_kind                     in job_schedules.kind%type
     ,in_table_name               in job_schedules.table_name%type
     ,in_queue_name               in job_schedules.queue_name%type
     ,in_priority                 in job_schedules.priority%type
     ,in_max_attempts             in job_schedules.max_attempts%type
     ,in_limit_key                in job_schedules.limit_key%type
     ,in_request_config           in job_schedules.request_config%type
     ,in_by                       in job_schedules.created_by%type
   );

   /**
   * Replaces everything of a schedule but its name, its maker and its past.
   *
   * raises               co_not_found, co_bad_argument
   */
   procedure change_schedule(
      in_schedule_name            in job_schedules.schedule_name%type
     ,in_cron_expression          in job_schedules.cron_expression%type
     ,in_time_zone                in job_schedules.time_zone%type
     ,in_missed_runs              in job_schedules.missed_runs%type
     ,in_paused                   in job_schedules.paused%type
     ,in_next_run_at              in job_schedules.next_run_at%type
     ,in_kind                     in job_schedules.kind%type
     ,in_table_name               in job_schedules.table_name%type
     ,in_queue_name               in job_schedules.queue_name%type
     ,in_priority                 in job_schedules.priority%type
     ,in_max_attempts             in job_schedules.max_attempts%type
     ,in_limit_key                in job_schedules.limit_key%type
     ,in_request_config           in job_schedules.request_config%type
   );

   /**
   * Deletes a schedule. Jobs that it made stay.
   *
   * raises               co_not_found
   */
   procedure delete_schedule(
      in_schedule_name            in job_schedules.schedule_name%type
   );

   /**
   * Makes the job of a due time and moves the schedule on, or does nothing when somebody else has done it or the
   * schedule was paused or changed meanwhile.
   *
   * in_row_version       of the row from which the caller worked out the times
   * in_due_at            UTC due time for which the job is made; null = none, the schedule only moves on
   * in_next_run_at       UTC time of the run after it; null = never
   * out_job_id           the job; null when none was made
   * out_moved            1 when the schedule has moved on, 0 when it was not this caller's to move
   */
   procedure make_due_job(
      in_schedule_name            in  job_schedules.schedule_name%type
     ,in_row_version              in  job_schedules.row_version%type
     ,in_due_at                   in  job_schedules.last_run_at%type
     ,in_next_run_at              in  job_schedules.next_run_at%type
     ,out_job_id                  out varchar2
     ,out_moved                   out number
   );

   /**
   * Makes a job of a schedule now, also of a paused one. Its due times stay as they are.
   *
   * raises               co_not_found
   */
   procedure run_now(
      in_schedule_name            in  job_schedules.schedule_name%type
     ,in_by                       in  varchar2
     ,out_job_id                  out varchar2
   );
end schedules;
/
