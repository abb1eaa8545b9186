create or replace package body job_queue is
   -- Cursors, variables and records stand inside the subprograms: a package without state can be replaced under
   -- live sessions (no ORA-04068).

   co_promotion_limit             constant pls_integer := 100; -- due jobs made claimable by one claim
   co_requeue_limit               constant pls_integer := 100; -- jobs taken from lost workers by one call
   co_first_backoff_seconds       constant pls_integer := 5;
   co_longest_backoff_seconds     constant pls_integer := 600;

   e_check_violated               exception;
   e_value_too_large              exception;
   e_number_too_large             exception;
   pragma exception_init(e_check_violated, -2290);
   pragma exception_init(e_value_too_large, -12899);
   pragma exception_init(e_number_too_large, -1438);

   type r_run_type                is record (
      rid                         rowid
     ,attempt                     comparison_jobs.attempt%type
     ,max_attempts                comparison_jobs.max_attempts%type
     ,cancel_requested            comparison_jobs.cancel_requested%type
     ,started_at                  comparison_jobs.started_at%type
   );

   type t_rowid_list              is table of rowid index by pls_integer;

   function utc_now return timestamp is
   begin
      return sys_extract_utc(systimestamp);
   end utc_now;

   function elapsed_seconds(
      in_from                     in timestamp
     ,in_to                       in timestamp
   ) return number is
      l_elapsed                   interval day(9) to second(6) := in_to - in_from;
   begin
      return extract(day from l_elapsed) * 86400
           + extract(hour from l_elapsed) * 3600
           + extract(minute from l_elapsed) * 60
           + extract(second from l_elapsed);
   end elapsed_seconds;

   function backoff_seconds(
      in_attempt                  in pls_integer
   ) return number is
   begin
      return least(co_longest_backoff_seconds, co_first_backoff_seconds * power(2, least(in_attempt, 20) - 1))
           * sys.dbms_random.value(low => 0.75, high => 1.25);
   end backoff_seconds;

   function new_job_id return varchar2 is
      l_hex                       varchar2(32 char) := lower(rawtohex(sys_guid()));
   begin
      return substr(l_hex, 1, 8)
             || '-' || substr(l_hex, 9, 4)
             || '-' || substr(l_hex, 13, 4)
             || '-' || substr(l_hex, 17, 4)
             || '-' || substr(l_hex, 21, 12);
   end new_job_id;

   -- The fence. Locks the row of a run and returns it; rid is null when this token does not run the job (any more).
   function locked_run(
      in_job_id                   in comparison_jobs.job_id%type
     ,in_run_token                in comparison_jobs.run_token%type
   ) return r_run_type is
      cursor c_run is
         select j.rowid as rid
               ,j.attempt
               ,j.max_attempts
               ,j.cancel_requested
               ,j.started_at
           from comparison_jobs j
          where j.job_id = in_job_id
            and j.run_token = in_run_token
            and j.status = 'RUNNING'
            for update of j.status wait 5;
      r_run                       r_run_type;
   begin
      open c_run;
      fetch c_run into r_run;
      close c_run;
      return r_run;
   end locked_run;

   -- Locks a job and returns its status; raises co_not_found.
   function locked_status(
      in_job_id                   in comparison_jobs.job_id%type
   ) return varchar2 is
      l_status                    comparison_jobs.status%type;
   begin
      select j.status
        into l_status
        from comparison_jobs j
       where j.job_id = in_job_id
         for update of j.status wait 5;
      return l_status;
   exception
      when no_data_found then
         raise_application_error(co_not_found, 'There is no job ' || in_job_id || '.');
   end locked_status;

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
   ) return varchar2 is
      l_now                       timestamp(6)                := utc_now;
      l_job_id                    comparison_jobs.job_id%type := nvl(in_job_id, new_job_id);
      l_ready                     comparison_jobs.ready%type  := 1;
   begin
      if in_kind is null or in_table_name is null or in_queue_name is null or in_request_config is null then
         raise_application_error(co_bad_argument, 'Kind, table name, queue name and request must be given.');
      end if;
      if in_due_at > l_now then
         l_ready := 0;
      end if;
      insert into comparison_jobs (
         job_id
        ,kind
        ,table_name
        ,status
        ,queue_name
        ,priority
        ,due_at
        ,ready
        ,max_attempts
        ,unique_key
        ,submitted_by
        ,created_at
        ,request_config
      ) values (
         l_job_id
        ,in_kind
        ,in_table_name
        ,'PENDING'
        ,in_queue_name
        ,in_priority
        ,nvl(in_due_at, l_now)
        ,l_ready
        ,in_max_attempts
        ,in_unique_key
        ,in_submitted_by
        ,l_now
        ,in_request_config
      );
      return l_job_id;
   exception
      when dup_val_on_index then
         if instr(sqlerrm, 'COMPARISON_JOBS_ACTIVE_UK') > 0 then
            raise_application_error(co_already_active, 'A job of kind ' || in_kind || ' with the unique key ' || in_unique_key || ' is already waiting or running.');
         end if;
         raise_application_error(co_bad_argument, 'There is already a job ' || l_job_id || '.');
      when e_check_violated or e_value_too_large or e_number_too_large then
         raise_application_error(co_bad_argument, 'The job breaks a rule of COMPARISON_JOBS: ' || sqlerrm);
   end enqueue;

   -- Jobs whose time has come become claimable. Reads the due part of the index of waiting jobs only.
   procedure promote_due(
      in_now                      in timestamp
   ) is
      cursor c_due is
         select /*+ index(j comparison_jobs_waiting_idx) */ j.rowid as rid
           from comparison_jobs j
          where case when j.status = 'PENDING' and j.ready = 0 then j.due_at end <= in_now
            for update of j.status skip locked;
      t_rids                      t_rowid_list;
   begin
      open c_due;
      fetch c_due bulk collect into t_rids limit co_promotion_limit;
      close c_due;
      forall i in 1 .. t_rids.count
         update comparison_jobs j
            set j.ready = 1
          where j.rowid = t_rids(i)
            and j.status = 'PENDING'
            and j.ready = 0;
   end promote_due;

   procedure claim(
      in_worker_id                in  workers.worker_id%type
     ,in_queue_name               in  comparison_jobs.queue_name%type
     ,in_limit                    in  pls_integer
     ,out_job_ids                 out t_text_list
     ,out_run_tokens              out t_number_list
     ,out_kinds                   out t_text_list
     ,out_attempts                out t_number_list
   ) is
      -- The index delivers the order, so nothing is sorted; rows are locked as they are fetched, so the limit of
      -- the fetch is the number of locks. A row limit in the SQL would count rows that others have locked.
      cursor c_claimable is
         select /*+ index(j comparison_jobs_claim_idx) */ j.rowid as rid
           from comparison_jobs j
          where case when j.status = 'PENDING' and j.ready = 1 then j.queue_name end = in_queue_name
          order by case when j.status = 'PENDING' and j.ready = 1 then j.priority end
                  ,case when j.status = 'PENDING' and j.ready = 1 then j.due_at end
                  ,case when j.status = 'PENDING' and j.ready = 1 then j.job_id end
            for update of j.status skip locked;
      l_now                       timestamp(6) := utc_now;
      t_rids                      t_rowid_list;
   begin
      if in_limit is null or in_limit < 1 then
         raise_application_error(co_bad_argument, 'The limit of a claim must be 1 or more.');
      end if;
      promote_due(in_now => l_now);
      open c_claimable;
      fetch c_claimable bulk collect into t_rids limit in_limit;
      close c_claimable;
      if t_rids.count > 0 then
         -- Under the lock of its own row a worker is either registered or declared lost, never both.
         update workers w
            set w.heartbeat_at = l_now
          where w.worker_id = in_worker_id;
         if sql%rowcount = 0 then
            raise_application_error(co_wrong_state, 'Worker ' || in_worker_id || ' is not registered: a heartbeat comes before a claim.');
         end if;
      end if;
      forall i in 1 .. t_rids.count
         update comparison_jobs j
            set j.status               = 'RUNNING'
               ,j.worker_id            = in_worker_id
               ,j.run_token            = j.run_token + 1
               ,j.attempt              = j.attempt + 1
               ,j.cancel_requested     = 0
               ,j.progress_percentage  = 0
               ,j.current_step         = null
               ,j.estimated_completion = null
               ,j.started_at           = l_now
               ,j.completed_at         = null
          where j.rowid = t_rids(i)
            and j.status = 'PENDING'
            and j.ready = 1
         returning j.job_id, j.run_token, j.kind, j.attempt
              bulk collect into out_job_ids, out_run_tokens, out_kinds, out_attempts;
   end claim;

   procedure progress(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,in_percentage               in  comparison_jobs.progress_percentage%type
     ,in_step                     in  comparison_jobs.current_step%type
     ,in_estimated_completion     in  comparison_jobs.estimated_completion%type
     ,out_verdict                 out varchar2
   ) is
      r_run                       r_run_type;
      l_cancel_requested          comparison_jobs.cancel_requested%type;
   begin
      if in_percentage is null and in_step is null and in_estimated_completion is null then
         select max(j.cancel_requested)
           into l_cancel_requested
           from comparison_jobs j
          where j.job_id = in_job_id
            and j.run_token = in_run_token
            and j.status = 'RUNNING';
      else
         r_run              := locked_run(in_job_id => in_job_id, in_run_token => in_run_token);
         l_cancel_requested := r_run.cancel_requested;
         update comparison_jobs j
            set j.progress_percentage  = nvl(in_percentage, j.progress_percentage)
               ,j.current_step         = nvl(in_step, j.current_step)
               ,j.estimated_completion = in_estimated_completion
          where j.rowid = r_run.rid;
      end if;
      out_verdict :=
         case
            when l_cancel_requested is null then 'STOP'
            when l_cancel_requested = 1 then 'CANCEL'
            else 'GO'
         end;
   end progress;

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
   ) is
      l_now                       timestamp(6) := utc_now;
      l_seconds                   comparison_jobs.execution_time_seconds%type;
      r_run                       r_run_type;
   begin
      r_run     := locked_run(in_job_id => in_job_id, in_run_token => in_run_token);
      l_seconds := elapsed_seconds(in_from => r_run.started_at, in_to => l_now);
      update comparison_jobs j
         set j.status                 = 'COMPLETED'
            ,j.progress_percentage    = 100
            ,j.current_step           = null
            ,j.estimated_completion   = null
            ,j.cancel_requested       = 0
            ,j.completed_at           = l_now
            ,j.execution_time_seconds = l_seconds
            ,j.comparison_results     = in_comparison_results
            ,j.column_mismatches      = in_column_mismatches
            ,j.ml_analysis            = in_ml_analysis
            ,j.error_details          = null
            ,j.total_prod_records     = in_total_prod
            ,j.total_uat_records      = in_total_uat
            ,j.match_percentage       = in_match_percentage
            ,j.anomalies_detected     = in_anomalies
            ,j.has_critical_issues    = in_critical
       where j.rowid = r_run.rid;
      out_accepted := sql%rowcount;
   end complete;

   procedure fail(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,in_error_details            in  comparison_jobs.error_details%type
     ,in_retryable                in  number
     ,out_status                  out varchar2
   ) is
      l_now                       timestamp(6) := utc_now;
      l_due_at                    comparison_jobs.due_at%type;
      l_seconds                   comparison_jobs.execution_time_seconds%type;
      r_run                       r_run_type;
   begin
      r_run := locked_run(in_job_id => in_job_id, in_run_token => in_run_token);
      if r_run.rid is null then
         out_status := 'STOP';
         return;
      end if;
      l_seconds := elapsed_seconds(in_from => r_run.started_at, in_to => l_now);
      if r_run.cancel_requested = 0 and in_retryable = 1 and r_run.attempt < r_run.max_attempts then
         out_status := 'PENDING';
         l_due_at   := l_now + numtodsinterval(backoff_seconds(in_attempt => r_run.attempt), 'SECOND');
         update comparison_jobs j
            set j.status                 = 'PENDING'
               ,j.ready                  = 0
               ,j.due_at                 = l_due_at
               ,j.worker_id              = null
               ,j.progress_percentage    = 0
               ,j.current_step           = 'Waiting for the next attempt'
               ,j.estimated_completion   = null
               ,j.execution_time_seconds = l_seconds
               ,j.error_details          = in_error_details
          where j.rowid = r_run.rid;
      else
         out_status := case when r_run.cancel_requested = 1 then 'CANCELLED' else 'FAILED' end;
         update comparison_jobs j
            set j.status                 = out_status
               ,j.cancel_requested       = 0
               ,j.current_step           = null
               ,j.estimated_completion   = null
               ,j.completed_at           = l_now
               ,j.execution_time_seconds = l_seconds
               ,j.error_details          = case
                                              when r_run.cancel_requested = 1 then j.error_details
                                              else in_error_details
                                           end
          where j.rowid = r_run.rid;
      end if;
   end fail;

   procedure cancelled(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,out_accepted                out number
   ) is
      l_now                       timestamp(6) := utc_now;
      l_seconds                   comparison_jobs.execution_time_seconds%type;
      r_run                       r_run_type;
   begin
      r_run     := locked_run(in_job_id => in_job_id, in_run_token => in_run_token);
      l_seconds := elapsed_seconds(in_from => r_run.started_at, in_to => l_now);
      update comparison_jobs j
         set j.status                 = 'CANCELLED'
            ,j.cancel_requested       = 0
            ,j.current_step           = null
            ,j.estimated_completion   = null
            ,j.completed_at           = l_now
            ,j.execution_time_seconds = l_seconds
       where j.rowid = r_run.rid
         and j.cancel_requested = 1;
      out_accepted := sql%rowcount;
   end cancelled;

   procedure release(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,out_accepted                out number
   ) is
      l_now                       timestamp(6) := utc_now;
      r_run                       r_run_type;
   begin
      r_run := locked_run(in_job_id => in_job_id, in_run_token => in_run_token);
      if r_run.cancel_requested = 1 then
         cancelled(in_job_id => in_job_id, in_run_token => in_run_token, out_accepted => out_accepted);
         return;
      end if;
      update comparison_jobs j
         set j.status               = 'PENDING'
            ,j.ready                = 1
            ,j.due_at               = l_now
            ,j.attempt              = j.attempt - 1
            ,j.worker_id            = null
            ,j.progress_percentage  = 0
            ,j.current_step         = 'Waiting for another worker'
            ,j.estimated_completion = null
       where j.rowid = r_run.rid;
      out_accepted := sql%rowcount;
   end release;

   procedure cancel(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_by                       in  varchar2
     ,out_status                  out varchar2
   ) is
      l_now                       timestamp(6) := utc_now;
      l_status                    comparison_jobs.status%type;
   begin
      l_status := locked_status(in_job_id => in_job_id);
      if l_status not in ('PENDING', 'RUNNING') then
         raise_application_error(co_wrong_state, 'Job ' || in_job_id || ' is ' || l_status || ' and can no longer be cancelled.');
      end if;
      update comparison_jobs j
         set j.status           = case j.status when 'PENDING' then 'CANCELLED' else j.status end
            ,j.cancel_requested = case j.status when 'PENDING' then 0 else 1 end
            ,j.completed_at     = case j.status when 'PENDING' then l_now end
            ,j.current_step     = case j.status when 'PENDING' then null else 'Stopping' end
            ,j.error_details    = json_object(
                                     'code'      value 'cancelled'
                                    ,'sentence'  value 'Cancelled by ' || nvl(in_by, 'somebody') || '.'
                                    ,'attempt'   value j.attempt
                                    ,'worker'    value j.worker_id
                                    ,'retryable' value 'false' format json
                                    ,'at'        value to_char(l_now, 'YYYY-MM-DD"T"HH24:MI:SS.FF3"Z"')
                                  )
       where j.job_id = in_job_id;
      out_status := case l_status when 'PENDING' then 'CANCELLED' else 'RUNNING' end;
   end cancel;

   procedure retry(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_by                       in  varchar2
     ,out_status                  out varchar2
   ) is
      l_now                       timestamp(6) := utc_now;
      l_status                    comparison_jobs.status%type;
   begin
      l_status := locked_status(in_job_id => in_job_id);
      if l_status not in ('FAILED', 'CANCELLED') then
         raise_application_error(co_wrong_state, 'Job ' || in_job_id || ' is ' || l_status || '; only a FAILED or CANCELLED job can be retried.');
      end if;
      update comparison_jobs j
         set j.status                 = 'PENDING'
            ,j.ready                  = 1
            ,j.due_at                 = l_now
            ,j.attempt                = 0
            ,j.cancel_requested       = 0
            ,j.worker_id              = null
            ,j.progress_percentage    = 0
            ,j.current_step           = 'Retried by ' || nvl(substr(in_by, 1, 128), 'somebody')
            ,j.started_at             = null
            ,j.completed_at           = null
            ,j.execution_time_seconds = null
            ,j.error_details          = null
       where j.job_id = in_job_id;
      out_status := 'PENDING';
   exception
      when dup_val_on_index then
         raise_application_error(co_already_active, 'Another job with the unique key of job ' || in_job_id || ' is already waiting or running.');
   end retry;

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
   ) is
      l_now                       timestamp(6) := utc_now;
   begin
      update workers w
         set w.status        = in_status
            ,w.wakeup_mode   = in_wakeup_mode
            ,w.slots         = in_slots
            ,w.running_jobs  = in_running
            ,w.heartbeat_at  = l_now
            ,w.lease_seconds = in_lease_seconds
       where w.worker_id = in_worker_id;
      out_known := sql%rowcount;
      if out_known = 0 then
         insert into workers (
            worker_id
           ,hostname
           ,pid
           ,status
           ,wakeup_mode
           ,slots
           ,running_jobs
           ,started_at
           ,heartbeat_at
           ,lease_seconds
           ,version
         ) values (
            in_worker_id
           ,in_hostname
           ,in_pid
           ,in_status
           ,in_wakeup_mode
           ,in_slots
           ,in_running
           ,l_now
           ,l_now
           ,in_lease_seconds
           ,in_version
         );
      end if;
   end heartbeat;

   procedure requeue_lost(
      out_requeued                out number
     ,out_failed                  out number
   ) is
      l_now                       timestamp(6) := utc_now;
      cursor c_lost is
         select /*+ index(j comparison_jobs_running_idx) */ j.rowid as rid
               ,j.run_token
           from comparison_jobs j
          where case when j.status = 'RUNNING' then j.worker_id end is not null
            and not exists (
                   select 1
                     from workers w
                    where w.worker_id = j.worker_id
                      and w.heartbeat_at >= l_now - numtodsinterval(w.lease_seconds, 'SECOND')
                )
            for update of j.status skip locked;
      t_rids                      t_rowid_list;
      t_run_tokens                t_number_list;
      t_statuses                  t_text_list;
   begin
      out_requeued := 0;
      out_failed   := 0;
      open c_lost;
      fetch c_lost bulk collect into t_rids, t_run_tokens limit co_requeue_limit;
      close c_lost;
      forall i in 1 .. t_rids.count
         update comparison_jobs j
            set j.status               = case
                                            when j.cancel_requested = 1 then 'CANCELLED'
                                            when j.attempt < j.max_attempts then 'PENDING'
                                            else 'FAILED'
                                         end
               ,j.ready                = 1
               ,j.due_at               = case
                                            when j.cancel_requested = 0 and j.attempt < j.max_attempts then l_now
                                            else j.due_at
                                         end
               ,j.completed_at         = case
                                            when j.cancel_requested = 1 or j.attempt >= j.max_attempts then l_now
                                         end
               ,j.worker_id            = case
                                            when j.cancel_requested = 1 or j.attempt >= j.max_attempts then j.worker_id
                                         end
               ,j.cancel_requested     = 0
               ,j.current_step         = null
               ,j.estimated_completion = null
               ,j.error_details        = case
                                            when j.cancel_requested = 1 then j.error_details
                                            else to_clob(
                                                    json_object(
                                                       'code'      value 'worker_lost'
                                                      ,'sentence'  value 'Worker ' || j.worker_id || ' was lost while it ran attempt ' || j.attempt || ' of ' || j.max_attempts || '.'
                                                      ,'attempt'   value j.attempt
                                                      ,'worker'    value j.worker_id
                                                      ,'retryable' value 'true' format json
                                                      ,'at'        value to_char(l_now, 'YYYY-MM-DD"T"HH24:MI:SS.FF3"Z"')
                                                    )
                                                 )
                                         end
          where j.rowid = t_rids(i)
            and j.run_token = t_run_tokens(i)
            and j.status = 'RUNNING'
         returning j.status
              bulk collect into t_statuses;
      for i in 1 .. t_statuses.count
      loop
         if t_statuses(i) = 'PENDING' then
            out_requeued := out_requeued + 1;
         else
            out_failed := out_failed + 1;
         end if;
      end loop;
      -- A worker keeps its row until all its jobs have gone: one of them may be locked by somebody just now.
      delete from workers w
       where w.heartbeat_at < l_now - numtodsinterval(w.lease_seconds, 'SECOND')
         and not exists (
                select 1
                  from comparison_jobs j
                 where case when j.status = 'RUNNING' then j.worker_id end = w.worker_id
             );
      delete from notification_pings p
       where not exists (
                select 1
                  from workers w
                 where w.worker_id = p.worker_id
             );
   end requeue_lost;

   procedure ping(
      in_worker_id                in  workers.worker_id%type
   ) is
      l_now                       timestamp(6) := utc_now;
   begin
      delete from notification_pings p
       where p.worker_id = in_worker_id;
      insert into notification_pings (
         worker_id
        ,pinged_at
      ) values (
         in_worker_id
        ,l_now
      );
   end ping;

   procedure retire_worker(
      in_worker_id                in  workers.worker_id%type
   ) is
   begin
      -- Its jobs, if it left any, belong to a worker that is not registered: requeue_lost finds them.
      delete from workers w
       where w.worker_id = in_worker_id;
      delete from notification_pings p
       where p.worker_id = in_worker_id;
   end retire_worker;
end job_queue;
/
