create or replace package body schedules is
   e_check_violated               exception;
   e_value_too_large              exception;
   e_number_too_large             exception;
   e_null_refused_on_insert       exception;
   e_null_refused_on_update       exception;
   pragma exception_init(e_check_violated, -2290);
   pragma exception_init(e_value_too_large, -12899);
   pragma exception_init(e_number_too_large, -1438);
   pragma exception_init(e_null_refused_on_insert, -1400);
   pragma exception_init(e_null_refused_on_update, -1407);

   procedure raise_when_missing(
      in_rows                     in pls_integer
     ,in_schedule_name            in job_schedules.schedule_name%type
   ) is
   begin
      if in_rows = 0 then
         raise_application_error(co_not_found, 'There is no schedule ' || in_schedule_name || '.');
      end if;
   end raise_when_missing;

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
   ) is
   begin
      insert into job_schedules (
         schedule_name
        ,cron_expression
        ,time_zone
        ,missed_runs
        ,paused
        ,next_run_at
        ,kind
        ,table_name
        ,queue_name
        ,priority
        ,max_attempts
        ,limit_key
        ,request_config
        ,created_by
      ) values (
         in_schedule_name
        ,in_cron_expression
        ,in_time_zone
        ,in_missed_runs
        ,in_paused
        ,in_next_run_at
        ,in_kind
        ,in_table_name
        ,in_queue_name
        ,in_priority
        ,in_max_attempts
        ,in_limit_key
        ,in_request_config
        ,in_by
      );
   exception
      when dup_val_on_index then
         raise_application_error(co_already_exists, 'There is already a schedule ' || in_schedule_name || '.');
      when e_check_violated or e_value_too_large or e_number_too_large or e_null_refused_on_insert then
         raise_application_error(co_bad_argument, 'The schedule breaks a rule of JOB_SCHEDULES: ' || sqlerrm);
   end create_schedule;

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
   ) is
   begin
      update job_schedules s
         set s.cron_expression = in_cron_expression
            ,s.time_zone       = in_time_zone
            ,s.missed_runs     = in_missed_runs
            ,s.paused          = in_paused
            ,s.next_run_at     = in_next_run_at
            ,s.kind            = in_kind
            ,s.table_name      = in_table_name
            ,s.queue_name      = in_queue_name
            ,s.priority        = in_priority
            ,s.max_attempts    = in_max_attempts
            ,s.limit_key       = in_limit_key
            ,s.request_config  = in_request_config
       where s.schedule_name = in_schedule_name;
      raise_when_missing(in_rows => sql%rowcount, in_schedule_name => in_schedule_name);
   exception
      when e_check_violated or e_value_too_large or e_number_too_large or e_null_refused_on_update then
         raise_application_error(co_bad_argument, 'The schedule breaks a rule of JOB_SCHEDULES: ' || sqlerrm);
   end change_schedule;

   procedure delete_schedule(
      in_schedule_name            in job_schedules.schedule_name%type
   ) is
   begin
      delete from job_schedules s
       where s.schedule_name = in_schedule_name;
      raise_when_missing(in_rows => sql%rowcount, in_schedule_name => in_schedule_name);
   end delete_schedule;

   -- A job of a schedule, marked as such; the schedule notes it.
   function make_job(
      in_schedule_name            in job_schedules.schedule_name%type
     ,in_due_at                   in job_schedules.last_run_at%type
     ,in_by                       in varchar2
   ) return varchar2 is
      cursor c_schedule is
         select s.kind
               ,s.table_name
               ,s.queue_name
               ,s.priority
               ,s.max_attempts
               ,s.limit_key
               ,s.request_config
               ,s.created_by
           from job_schedules s
          where s.schedule_name = in_schedule_name;
      l_kind                      job_schedules.kind%type;
      l_table_name                job_schedules.table_name%type;
      l_queue_name                job_schedules.queue_name%type;
      l_priority                  job_schedules.priority%type;
      l_max_attempts              job_schedules.max_attempts%type;
      l_limit_key                 job_schedules.limit_key%type;
      l_request_config            job_schedules.request_config%type;
      l_created_by                job_schedules.created_by%type;
      l_job_id                    comparison_jobs.job_id%type;
   begin
      open c_schedule;
      fetch c_schedule
       into l_kind, l_table_name, l_queue_name, l_priority, l_max_attempts, l_limit_key, l_request_config, l_created_by;
      close c_schedule;
      raise_when_missing(
         in_rows          => case when l_kind is null then 0 else 1 end
        ,in_schedule_name => in_schedule_name
      );
      l_job_id := job_queue.enqueue(
                     in_kind           => l_kind
                    ,in_table_name     => l_table_name
                    ,in_request_config => l_request_config
                    ,in_submitted_by   => nvl(in_by, l_created_by)
                    ,in_queue_name     => l_queue_name
                    ,in_priority       => l_priority
                    ,in_max_attempts   => l_max_attempts
                    ,in_limit_key      => l_limit_key
                  );
      update comparison_jobs j
         set j.schedule_name = in_schedule_name
            ,j.scheduled_for = in_due_at
       where j.job_id = l_job_id;
      update job_schedules s
         set s.last_job_id = l_job_id
       where s.schedule_name = in_schedule_name;
      return l_job_id;
   end make_job;

   procedure make_due_job(
      in_schedule_name            in  job_schedules.schedule_name%type
     ,in_row_version              in  job_schedules.row_version%type
     ,in_due_at                   in  job_schedules.last_run_at%type
     ,in_next_run_at              in  job_schedules.next_run_at%type
     ,out_job_id                  out varchar2
     ,out_moved                   out number
   ) is
   begin
      -- Two callers meet at the lock of this row; the second one finds another version and does nothing.
      update job_schedules s
         set s.next_run_at = in_next_run_at
            ,s.last_run_at = nvl(in_due_at, s.last_run_at)
       where s.schedule_name = in_schedule_name
         and s.row_version = in_row_version
         and s.paused = 0;
      out_moved := sql%rowcount;
      if out_moved = 1 and in_due_at is not null then
         out_job_id := make_job(in_schedule_name => in_schedule_name, in_due_at => in_due_at, in_by => null);
      end if;
   end make_due_job;

   procedure run_now(
      in_schedule_name            in  job_schedules.schedule_name%type
     ,in_by                       in  varchar2
     ,out_job_id                  out varchar2
   ) is
   begin
      out_job_id := make_job(in_schedule_name => in_schedule_name, in_due_at => null, in_by => in_by);
   end run_now;
end schedules;
/
