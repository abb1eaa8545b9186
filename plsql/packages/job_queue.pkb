create or replace package body job_queue is
   -- Cursors, variables and records stand inside the subprograms: a package without state can be replaced under
   -- live sessions (no ORA-04068).

   co_promotion_limit             constant pls_integer := 100; -- due jobs made claimable by one claim
   co_requeue_limit               constant pls_integer := 100; -- jobs taken from lost workers by one call
   co_purge_limit                 constant pls_integer := 10000; -- jobs deleted by one call
   co_time_format                 constant varchar2(40 char) := 'YYYY-MM-DD"T"HH24:MI:SS.FF3"Z"'; -- of times in JSON
   co_enqueue_tries               constant pls_integer := 3; -- while jobs with the same unique key come and end

   e_check_violated               exception;
   e_value_too_large              exception;
   e_number_too_large             exception;
   e_not_json                     exception;
   pragma exception_init(e_check_violated, -2290);
   pragma exception_init(e_value_too_large, -12899);
   pragma exception_init(e_number_too_large, -1438);
   pragma exception_init(e_not_json, -40441);

   type r_kind_type               is record (
      queue_name                  job_kinds.queue_name%type
     ,priority                    job_kinds.priority%type
     ,max_attempts                job_kinds.max_attempts%type
     ,backoff_base_seconds        job_kinds.backoff_base_seconds%type
     ,backoff_factor              job_kinds.backoff_factor%type
     ,backoff_cap_seconds         job_kinds.backoff_cap_seconds%type
     ,backoff_jitter              job_kinds.backoff_jitter%type
   );

   type r_job_type                is record (
      rid                         rowid
     ,status                      comparison_jobs.status%type
     ,attempt                     comparison_jobs.attempt%type
     ,worker_id                   comparison_jobs.worker_id%type
   );

   type r_run_type                is record (
      rid                         rowid
     ,kind                        comparison_jobs.kind%type
     ,attempt                     comparison_jobs.attempt%type
     ,max_attempts                comparison_jobs.max_attempts%type
     ,cancel_requested            comparison_jobs.cancel_requested%type
     ,started_at                  comparison_jobs.started_at%type
     ,locked_at                   timestamp(6)
     ,seconds                     comparison_jobs.execution_time_seconds%type
   );

   type t_rowid_list              is table of rowid index by pls_integer;
   type t_number_by_key           is table of number index by job_limits.limit_key%type;

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

   -- What JOB_KINDS says of a kind, and the constants where it says nothing.
   function kind_of(
      in_kind                     in job_kinds.kind%type
   ) return r_kind_type is
      cursor c_kind is
         select k.queue_name
               ,k.priority
               ,k.max_attempts
               ,k.backoff_base_seconds
               ,k.backoff_factor
               ,k.backoff_cap_seconds
               ,k.backoff_jitter
           from job_kinds k
          where k.kind = in_kind;
      r_kind                      r_kind_type;
   begin
      open c_kind;
      fetch c_kind into r_kind;
      close c_kind;
      if r_kind.queue_name is null then
         r_kind.queue_name           := co_queue_name;
         r_kind.priority             := co_priority;
         r_kind.max_attempts         := co_max_attempts;
         r_kind.backoff_base_seconds := co_backoff_base_seconds;
         r_kind.backoff_factor       := co_backoff_factor;
         r_kind.backoff_cap_seconds  := co_backoff_cap_seconds;
         r_kind.backoff_jitter       := co_backoff_jitter;
      end if;
      return r_kind;
   end kind_of;

   function backoff_seconds(
      in_kind                     in job_kinds.kind%type
     ,in_attempt                  in pls_integer
   ) return number is
      r_kind                      r_kind_type := kind_of(in_kind => in_kind);
   begin
      -- The exponent ends at 19, where every factor has long met its cap and no NUMBER overflows.
      return least(
                r_kind.backoff_cap_seconds
               ,r_kind.backoff_base_seconds * power(r_kind.backoff_factor, least(in_attempt, 20) - 1)
             )
             * sys.dbms_random.value(low => 1 - r_kind.backoff_jitter, high => 1 + r_kind.backoff_jitter);
   end backoff_seconds;

   -- ERROR_DETAILS of what the queue itself has to say.
   function error_json(
      in_code                     in varchar2
     ,in_sentence                 in varchar2
     ,in_attempt                  in comparison_jobs.attempt%type
     ,in_worker_id                in comparison_jobs.worker_id%type
     ,in_retryable                in varchar2
     ,in_at                       in timestamp
   ) return varchar2 is
      l_json                      varchar2(4000 char);
   begin
      select json_object(
                'code'      value in_code
               ,'sentence'  value in_sentence
               ,'attempt'   value in_attempt
               ,'worker'    value in_worker_id
               ,'retryable' value in_retryable format json
               ,'at'        value to_char(in_at, co_time_format)
             )
        into l_json
        from dual;
      return l_json;
   end error_json;

   -- ERROR_DETAILS of a worker with the time by the database's clock, whatever time they bring along.
   function stamped(
      in_error_details            in comparison_jobs.error_details%type
     ,in_at                       in timestamp
   ) return clob is
      l_stamped                   comparison_jobs.error_details%type;
   begin
      select json_mergepatch(in_error_details, json_object('at' value to_char(in_at, co_time_format)) returning clob error on error)
        into l_stamped
        from dual;
      return l_stamped;
   exception
      when e_not_json then
         raise_application_error(co_bad_argument, 'The error details are not JSON.');
   end stamped;

   function new_job_id return varchar2 is
      l_hex                       varchar2(32 char) := lower(rawtohex(sys_guid()));
   begin
      return substr(l_hex, 1, 8)
             || '-' || substr(l_hex, 9, 4)
             || '-' || substr(l_hex, 13, 4)
             || '-' || substr(l_hex, 17, 4)
             || '-' || substr(l_hex, 21, 12);
   end new_job_id;

   -- Fills JOB_TAGS from the requests of new jobs: every text of up to 50 characters in the array `tags`.
   procedure add_tags(
      in_job_ids                  in t_text_list
   ) is
   begin
      forall i in 1 .. in_job_ids.count
         insert into job_tags (job_id, tag)
         select distinct j.job_id
               ,t.tag
           from comparison_jobs j
               ,json_table(j.request_config, '$.tags[*]' columns (tag varchar2(50 char) path '$')) t
          where j.job_id = in_job_ids(i)
            and t.tag is not null;
   end add_tags;

   -- The fence. Locks the row of a run and returns it, with the time and the seconds that it has run; rid is null when
   -- this token does not run the job (any more).
   function locked_run(
      in_job_id                   in comparison_jobs.job_id%type
     ,in_run_token                in comparison_jobs.run_token%type
   ) return r_run_type is
      cursor c_run is
         select j.rowid as rid
               ,j.kind
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
      fetch c_run into r_run.rid, r_run.kind, r_run.attempt, r_run.max_attempts, r_run.cancel_requested, r_run.started_at;
      close c_run;
      r_run.locked_at := utc_now;
      r_run.seconds   := elapsed_seconds(in_from => r_run.started_at, in_to => r_run.locked_at);
      return r_run;
   end locked_run;

   -- Locks a job and returns it; raises co_not_found.
   function locked_job(
      in_job_id                   in comparison_jobs.job_id%type
   ) return r_job_type is
      r_job                       r_job_type;
   begin
      select j.rowid as rid
            ,j.status
            ,j.attempt
            ,j.worker_id
        into r_job
        from comparison_jobs j
       where j.job_id = in_job_id
         for update of j.status wait 5;
      return r_job;
   exception
      when no_data_found then
         raise_application_error(co_not_found, 'There is no job ' || in_job_id || '.');
   end locked_job;

   -- Locks a job that must be PENDING; raises co_not_found and co_wrong_state.
   procedure lock_pending(
      in_job_id                   in comparison_jobs.job_id%type
     ,in_wish                     in varchar2
   ) is
      r_job                       r_job_type := locked_job(in_job_id => in_job_id);
   begin
      if r_job.status <> 'PENDING' then
         raise_application_error(co_wrong_state, 'Job ' || in_job_id || ' is ' || r_job.status || '; only a PENDING job can be ' || in_wish || '.');
      end if;
   end lock_pending;

   -- The run that a row is about to give up goes into the history: one that ends now as the caller says, one that has
   -- ended before as its row says. A job that was cancelled while it waited has no worker: no run of it ended then.
   procedure keep_attempt(
      in_rid                      in rowid
     ,in_outcome                  in job_attempts.outcome%type
     ,in_ended_at                 in timestamp default null
     ,in_error_details            in job_attempts.error_details%type default null
   ) is
   begin
      insert into job_attempts (
         job_id
        ,run_token
        ,attempt
        ,worker_id
        ,started_at
        ,ended_at
        ,outcome
        ,error_details
      )
      select j.job_id
            ,j.run_token
            ,j.attempt
            ,j.worker_id
            ,j.started_at
            ,nvl(j.completed_at, in_ended_at)
            ,in_outcome
            ,case when j.completed_at is null then in_error_details else j.error_details end
        from comparison_jobs j
       where j.rowid = in_rid
         and j.worker_id is not null;
   end keep_attempt;

   -- The waiting or running job of a kind under a unique key, by the expressions of COMPARISON_JOBS_ACTIVE_UK.
   function active_job(
      in_kind                     in comparison_jobs.kind%type
     ,in_unique_key               in comparison_jobs.unique_key%type
   ) return varchar2 is
      l_job_id                    comparison_jobs.job_id%type;
   begin
      select max(j.job_id)
        into l_job_id
        from comparison_jobs j
       where case when j.status in ('PENDING', 'RUNNING') and j.unique_key is not null then j.kind end = in_kind
         and case when j.status in ('PENDING', 'RUNNING') then j.unique_key end = in_unique_key;
      return l_job_id;
   end active_job;

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
   ) return varchar2 is
      l_now                       timestamp(6)                      := utc_now;
      l_job_id                    comparison_jobs.job_id%type       := nvl(in_job_id, new_job_id);
      l_active_id                 comparison_jobs.job_id%type;
      t_new_ids                   t_text_list;
      r_kind                      r_kind_type                       := kind_of(in_kind => in_kind);
      l_queue_name                comparison_jobs.queue_name%type   := nvl(in_queue_name, r_kind.queue_name);
      l_priority                  comparison_jobs.priority%type     := nvl(in_priority, r_kind.priority);
      l_max_attempts              comparison_jobs.max_attempts%type := nvl(in_max_attempts, r_kind.max_attempts);
   begin
      if in_kind is null or in_table_name is null or in_request_config is null then
         raise_application_error(co_bad_argument, 'Kind, table name and request must be given.');
      end if;
      if in_if_active is null or in_if_active not in ('REFUSE', 'RETURN') then
         raise_application_error(co_bad_argument, 'What to do if a job is active must be REFUSE or RETURN, not ' || in_if_active || '.');
      end if;
      for l_try in 1 .. co_enqueue_tries
      loop
         begin
            insert into comparison_jobs (
               job_id
              ,kind
              ,table_name
              ,status
              ,queue_name
              ,priority
              ,due_at
              ,max_attempts
              ,unique_key
              ,limit_key
              ,submitted_by
              ,created_at
              ,request_config
            ) values (
               l_job_id
              ,in_kind
              ,in_table_name
              ,'PENDING'
              ,l_queue_name
              ,l_priority
              ,nvl(in_due_at, l_now)
              ,l_max_attempts
              ,in_unique_key
              ,in_limit_key
              ,in_submitted_by
              ,l_now
              ,in_request_config
            );
            t_new_ids(1) := l_job_id;
            add_tags(in_job_ids => t_new_ids);
            return l_job_id;
         exception
            when dup_val_on_index then
               if instr(sqlerrm, 'COMPARISON_JOBS_ACTIVE_UK') = 0 then
                  raise_application_error(co_bad_argument, 'There is already a job ' || l_job_id || '.');
               end if;
         end;
         if in_if_active = 'RETURN' then
            l_active_id := active_job(in_kind => in_kind, in_unique_key => in_unique_key);
            if l_active_id is not null then
               return l_active_id;
            end if;
         end if;
         exit when in_if_active = 'REFUSE';
      end loop;
      raise_application_error(co_already_active, 'A job of kind ' || in_kind || ' with the unique key ' || in_unique_key || ' is already waiting or running.');
   exception
      when e_check_violated or e_value_too_large or e_number_too_large then
         raise_application_error(co_bad_argument, 'The job breaks a rule of COMPARISON_JOBS: ' || sqlerrm);
   end enqueue;

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
   ) is
      l_now                       timestamp(6)                      := utc_now;
      l_due_at                    comparison_jobs.due_at%type       := nvl(in_due_at, l_now);
      r_kind                      r_kind_type                       := kind_of(in_kind => in_kind);
      l_queue_name                comparison_jobs.queue_name%type   := nvl(in_queue_name, r_kind.queue_name);
      l_priority                  comparison_jobs.priority%type     := nvl(in_priority, r_kind.priority);
      l_max_attempts              comparison_jobs.max_attempts%type := nvl(in_max_attempts, r_kind.max_attempts);
      t_unique_keys               t_text_list;
      t_limit_keys                t_text_list;
   begin
      if in_kind is null then
         raise_application_error(co_bad_argument, 'The kind must be given.');
      end if;
      if in_table_names.count <> in_request_configs.count then
         raise_application_error(co_bad_argument, 'There are ' || in_table_names.count || ' table names and ' || in_request_configs.count || ' requests; each job needs one of both.');
      end if;
      for i in 1 .. in_table_names.count
      loop
         if not in_table_names.exists(i) or not in_request_configs.exists(i) then
            raise_application_error(co_bad_argument, 'The lists must count from 1 without a gap.');
         end if;
         if in_table_names(i) is null or in_request_configs(i) is null then
            raise_application_error(co_bad_argument, 'Job ' || i || ' has no table name or no request.');
         end if;
         out_job_ids(i)   := new_job_id;
         t_unique_keys(i) := null;
         t_limit_keys(i)  := null;
         if in_unique_keys.exists(i) then
            t_unique_keys(i) := in_unique_keys(i);
         end if;
         if in_limit_keys.exists(i) then
            t_limit_keys(i) := in_limit_keys(i);
         end if;
      end loop;
      savepoint before_enqueue_many;
      forall i in 1 .. in_table_names.count
         insert into comparison_jobs (
            job_id
           ,kind
           ,table_name
           ,status
           ,queue_name
           ,priority
           ,due_at
           ,max_attempts
           ,unique_key
           ,limit_key
           ,submitted_by
           ,created_at
           ,request_config
         ) values (
            out_job_ids(i)
           ,in_kind
           ,in_table_names(i)
           ,'PENDING'
           ,l_queue_name
           ,l_priority
           ,l_due_at
           ,l_max_attempts
           ,t_unique_keys(i)
           ,t_limit_keys(i)
           ,in_submitted_by
           ,l_now
           ,in_request_configs(i)
         );
      add_tags(in_job_ids => out_job_ids);
   exception
      when dup_val_on_index then
         rollback to savepoint before_enqueue_many;
         raise_application_error(co_already_active, 'Nothing was enqueued: a job of kind ' || in_kind || ' with one of the unique keys is already waiting or running, or a key stands in the list twice.');
      when e_check_violated or e_value_too_large or e_number_too_large then
         rollback to savepoint before_enqueue_many;
         raise_application_error(co_bad_argument, 'Nothing was enqueued: a job breaks a rule of COMPARISON_JOBS: ' || sqlerrm);
   end enqueue_many;

   -- Reads the due part of the index of waiting jobs and nothing of the future.
   procedure promote_due(
      out_promoted                out number
   ) is
      l_now                       timestamp(6) := utc_now;
      cursor c_due is
         select /*+ index(j comparison_jobs_waiting_idx) */ j.rowid as rid
           from comparison_jobs j
          where case when j.status = 'PENDING' and j.ready = 0 and j.held = 0 then j.due_at end <= l_now
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
            and j.ready = 0
            and j.held = 0;
      out_promoted := t_rids.count;
   end promote_due;

   -- Under the lock of its own row a worker is either registered or declared lost, never both.
   procedure lock_worker(
      in_worker_id                in workers.worker_id%type
     ,in_now                      in timestamp
   ) is
   begin
      update workers w
         set w.heartbeat_at = in_now
       where w.worker_id = in_worker_id;
      if sql%rowcount = 0 then
         raise_application_error(co_wrong_state, 'Worker ' || in_worker_id || ' is not registered: a heartbeat comes before a claim.');
      end if;
   end lock_worker;

   -- Locked rows of claimable jobs become runs of a worker; they follow in the lists what stands there already.
   procedure start_runs(
      in_worker_id                in     workers.worker_id%type
     ,in_now                      in     timestamp
     ,in_rids                     in     t_rowid_list
     ,io_job_ids                  in out t_text_list
     ,io_run_tokens               in out t_number_list
     ,io_kinds                    in out t_text_list
     ,io_attempts                 in out t_number_list
   ) is
      l_before                    pls_integer := io_job_ids.count;
      t_job_ids                   t_text_list;
      t_run_tokens                t_number_list;
      t_kinds                     t_text_list;
      t_attempts                  t_number_list;
   begin
      if in_rids.count = 0 then
         return;
      end if;
      lock_worker(in_worker_id => in_worker_id, in_now => in_now);
      forall i in 1 .. in_rids.count
         update comparison_jobs j
            set j.status               = 'RUNNING'
               ,j.worker_id            = in_worker_id
               ,j.run_token            = j.run_token + 1
               ,j.attempt              = j.attempt + 1
               ,j.progress_percentage  = 0
               ,j.current_step         = null
               ,j.estimated_completion = null
               ,j.started_at           = in_now
          where j.rowid = in_rids(i)
            and j.status = 'PENDING'
            and j.ready = 1
         returning j.job_id, j.run_token, j.kind, j.attempt
              bulk collect into t_job_ids, t_run_tokens, t_kinds, t_attempts;
      for i in 1 .. t_job_ids.count
      loop
         io_job_ids(l_before + i)    := t_job_ids(i);
         io_run_tokens(l_before + i) := t_run_tokens(i);
         io_kinds(l_before + i)      := t_kinds(i);
         io_attempts(l_before + i)   := t_attempts(i);
      end loop;
   end start_runs;

   -- Up to in_limit jobs that can be claimed, by priority and age, locked.
   function claimable(
      in_queue_name               in comparison_jobs.queue_name%type
     ,in_limit                    in pls_integer
   ) return t_rowid_list is
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
      t_rids                      t_rowid_list;
   begin
      open c_claimable;
      fetch c_claimable bulk collect into t_rids limit in_limit;
      close c_claimable;
      return t_rids;
   end claimable;

   -- How many more jobs with this key may start; null when it has no limit. Exact under the lock of JOB_LIMIT_LOCK.
   function free_of_key(
      in_limit_key                in job_limits.limit_key%type
   ) return number is
      l_max_running               job_limits.max_running%type;
      l_running                   number;
   begin
      select max(l.max_running)
        into l_max_running
        from job_limits l
       where l.limit_key = in_limit_key;
      select count(*)
        into l_running
        from comparison_jobs j
       where case when j.status = 'RUNNING' then j.limit_key end = in_limit_key;
      return l_max_running - l_running;
   end free_of_key;

   -- The same, only of keys that are not full, and of each key no more than it has free: so fewer than in_limit may come
   -- although there are more. They will have started when this is called again, and what is full then is passed over.
   -- Exact under the lock of JOB_LIMIT_LOCK.
   function claimable_within_limits(
      in_queue_name               in comparison_jobs.queue_name%type
     ,in_limit                    in pls_integer
   ) return t_rowid_list is
      cursor c_claimable is
         select /*+ index(j comparison_jobs_claim_idx) */ j.rowid as rid
               ,j.limit_key
           from comparison_jobs j
          where case when j.status = 'PENDING' and j.ready = 1 then j.queue_name end = in_queue_name
            and not exists (
                   select /*+ no_unnest push_subq */ 1
                     from job_limits l
                    where l.limit_key = case when j.status = 'PENDING' and j.ready = 1 then j.limit_key end
                      and l.max_running <= (
                             select /*+ no_unnest */ count(*)
                               from comparison_jobs r
                              where case when r.status = 'RUNNING' then r.limit_key end = l.limit_key
                          )
                )
          order by case when j.status = 'PENDING' and j.ready = 1 then j.priority end
                  ,case when j.status = 'PENDING' and j.ready = 1 then j.due_at end
                  ,case when j.status = 'PENDING' and j.ready = 1 then j.job_id end
            for update of j.status skip locked;
      t_rids                      t_rowid_list;
      t_limit_keys                t_text_list;
      t_free                      t_number_by_key;
      t_allowed                   t_rowid_list;
   begin
      open c_claimable;
      fetch c_claimable bulk collect into t_rids, t_limit_keys limit in_limit;
      close c_claimable;
      for i in 1 .. t_rids.count
      loop
         if t_limit_keys(i) is null then
            t_allowed(t_allowed.count + 1) := t_rids(i);
         else
            if not t_free.exists(t_limit_keys(i)) then
               t_free(t_limit_keys(i)) := nvl(free_of_key(in_limit_key => t_limit_keys(i)), in_limit);
            end if;
            if t_free(t_limit_keys(i)) > 0 then
               t_free(t_limit_keys(i))        := t_free(t_limit_keys(i)) - 1;
               t_allowed(t_allowed.count + 1) := t_rids(i);
            end if;
         end if;
      end loop;
      return t_allowed;
   end claimable_within_limits;

   -- Claims that have a limit to keep go one after the other.
   procedure lock_limits is
      cursor c_lock is
         select k.lock_id
           from job_limit_lock k
          where k.lock_id = 1
            for update wait 5;
      l_lock_id                   job_limit_lock.lock_id%type;
   begin
      open c_lock;
      fetch c_lock into l_lock_id;
      close c_lock;
      if l_lock_id is null then
         raise_application_error(co_wrong_state, 'The row of JOB_LIMIT_LOCK is missing: limits cannot be kept.');
      end if;
   end lock_limits;

   procedure claim(
      in_worker_id                in  workers.worker_id%type
     ,in_queue_name               in  comparison_jobs.queue_name%type
     ,in_limit                    in  pls_integer
     ,out_job_ids                 out t_text_list
     ,out_run_tokens              out t_number_list
     ,out_kinds                   out t_text_list
     ,out_attempts                out t_number_list
   ) is
      l_now                       timestamp(6) := utc_now;
      l_paused                    job_queues.paused%type;
      l_max_running               job_queues.max_running%type;
      l_limited                   boolean;
      l_limited_keys              number;
      l_running                   number;
      l_budget                    number := in_limit;
      l_claimed                   pls_integer;
      l_promoted                  number;
      t_rids                      t_rowid_list;
   begin
      if in_limit is null or in_limit < 1 then
         raise_application_error(co_bad_argument, 'The limit of a claim must be 1 or more.');
      end if;
      select max(q.paused)
            ,max(q.max_running)
        into l_paused
            ,l_max_running
        from job_queues q
       where q.queue_name = in_queue_name;
      if l_paused = 1 then
         return;
      end if;
      select count(*)
        into l_limited_keys
        from job_limits l
       where rownum = 1;
      promote_due(out_promoted => l_promoted);
      l_limited := l_max_running is not null or l_limited_keys > 0;
      if l_limited then
         lock_limits;
      end if;
      if l_max_running is not null then
         select count(*)
           into l_running
           from comparison_jobs j
          where case when j.status = 'RUNNING' then j.worker_id end is not null
            and j.queue_name = in_queue_name;
         l_budget := least(in_limit, l_max_running - l_running);
      end if;
      <<batches>>
      while out_job_ids.count < l_budget
      loop
         l_claimed := out_job_ids.count;
         if l_limited then
            t_rids := claimable_within_limits(in_queue_name => in_queue_name, in_limit => l_budget - l_claimed);
         else
            t_rids := claimable(in_queue_name => in_queue_name, in_limit => in_limit);
         end if;
         start_runs(
            in_worker_id  => in_worker_id
           ,in_now        => l_now
           ,in_rids       => t_rids
           ,io_job_ids    => out_job_ids
           ,io_run_tokens => out_run_tokens
           ,io_kinds      => out_kinds
           ,io_attempts   => out_attempts
         );
         exit batches when not l_limited or out_job_ids.count = l_claimed;
      end loop batches;
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

   procedure save_checkpoint(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,in_checkpoint               in  comparison_jobs.checkpoint%type
     ,out_accepted                out number
   ) is
      r_run                       r_run_type := locked_run(in_job_id => in_job_id, in_run_token => in_run_token);
   begin
      update comparison_jobs j
         set j.checkpoint = in_checkpoint
       where j.rowid = r_run.rid;
      out_accepted := sql%rowcount;
   exception
      when e_check_violated then
         raise_application_error(co_bad_argument, 'The checkpoint is not JSON.');
   end save_checkpoint;

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
      r_run                       r_run_type := locked_run(in_job_id => in_job_id, in_run_token => in_run_token);
   begin
      update comparison_jobs j
         set j.status                 = 'COMPLETED'
            ,j.progress_percentage    = 100
            ,j.current_step           = null
            ,j.estimated_completion   = null
            ,j.cancel_requested       = 0
            ,j.completed_at           = r_run.locked_at
            ,j.execution_time_seconds = r_run.seconds
            ,j.comparison_results     = in_comparison_results
            ,j.column_mismatches      = in_column_mismatches
            ,j.ml_analysis            = in_ml_analysis
            ,j.checkpoint             = null
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
      l_due_at                    comparison_jobs.due_at%type;
      l_error_details             comparison_jobs.error_details%type;
      r_run                       r_run_type := locked_run(in_job_id => in_job_id, in_run_token => in_run_token);
   begin
      if r_run.rid is null then
         out_status := 'STOP';
         return;
      end if;
      l_error_details := stamped(in_error_details => in_error_details, in_at => r_run.locked_at);
      if r_run.cancel_requested = 0 and in_retryable = 1 and r_run.attempt < r_run.max_attempts then
         out_status := 'PENDING';
         l_due_at   := r_run.locked_at + numtodsinterval(backoff_seconds(in_kind => r_run.kind, in_attempt => r_run.attempt), 'SECOND');
         keep_attempt(
            in_rid           => r_run.rid
           ,in_outcome       => 'FAILED'
           ,in_ended_at      => r_run.locked_at
           ,in_error_details => l_error_details
         );
         update comparison_jobs j
            set j.status                 = 'PENDING'
               ,j.ready                  = 0
               ,j.due_at                 = l_due_at
               ,j.worker_id              = null
               ,j.progress_percentage    = 0
               ,j.current_step           = 'Waiting for the next attempt'
               ,j.estimated_completion   = null
               ,j.execution_time_seconds = r_run.seconds
               ,j.error_details          = l_error_details
          where j.rowid = r_run.rid;
      else
         out_status := case when r_run.cancel_requested = 1 then 'CANCELLED' else 'FAILED' end;
         update comparison_jobs j
            set j.status                 = out_status
               ,j.cancel_requested       = 0
               ,j.current_step           = null
               ,j.estimated_completion   = null
               ,j.completed_at           = r_run.locked_at
               ,j.execution_time_seconds = r_run.seconds
               ,j.error_details          = case
                                              when r_run.cancel_requested = 1 then j.error_details
                                              else l_error_details
                                           end
          where j.rowid = r_run.rid;
      end if;
   end fail;

   procedure cancelled(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,out_accepted                out number
   ) is
      r_run                       r_run_type := locked_run(in_job_id => in_job_id, in_run_token => in_run_token);
   begin
      update comparison_jobs j
         set j.status                 = 'CANCELLED'
            ,j.cancel_requested       = 0
            ,j.current_step           = null
            ,j.estimated_completion   = null
            ,j.completed_at           = r_run.locked_at
            ,j.execution_time_seconds = r_run.seconds
       where j.rowid = r_run.rid
         and j.cancel_requested = 1;
      out_accepted := sql%rowcount;
   end cancelled;

   -- A run gives its job back with its attempt, or ends a job that was asked to stop.
   procedure give_back(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,in_outcome                  in  job_attempts.outcome%type
     ,in_seconds                  in  number
     ,in_step                     in  comparison_jobs.current_step%type
     ,out_accepted                out number
   ) is
      r_run                       r_run_type := locked_run(in_job_id => in_job_id, in_run_token => in_run_token);
   begin
      if r_run.cancel_requested = 1 then
         cancelled(in_job_id => in_job_id, in_run_token => in_run_token, out_accepted => out_accepted);
         return;
      end if;
      keep_attempt(in_rid => r_run.rid, in_outcome => in_outcome, in_ended_at => r_run.locked_at);
      update comparison_jobs j
         set j.status               = 'PENDING'
            ,j.ready                = 1
            ,j.due_at               = r_run.locked_at + numtodsinterval(in_seconds, 'SECOND')
            ,j.attempt              = j.attempt - 1
            ,j.worker_id            = null
            ,j.progress_percentage  = 0
            ,j.current_step         = in_step
            ,j.estimated_completion = null
       where j.rowid = r_run.rid;
      out_accepted := sql%rowcount;
   end give_back;

   procedure release(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,out_accepted                out number
   ) is
   begin
      give_back(
         in_job_id    => in_job_id
        ,in_run_token => in_run_token
        ,in_outcome   => 'RELEASED'
        ,in_seconds   => 0
        ,in_step      => 'Waiting for another worker'
        ,out_accepted => out_accepted
      );
   end release;

   procedure snooze(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_run_token                in  comparison_jobs.run_token%type
     ,in_seconds                  in  number
     ,in_step                     in  comparison_jobs.current_step%type
     ,out_accepted                out number
   ) is
   begin
      if in_seconds is null or in_seconds < 0 then
         raise_application_error(co_bad_argument, 'A job is put off by 0 seconds or more.');
      end if;
      give_back(
         in_job_id    => in_job_id
        ,in_run_token => in_run_token
        ,in_outcome   => 'SNOOZED'
        ,in_seconds   => in_seconds
        ,in_step      => in_step
        ,out_accepted => out_accepted
      );
   end snooze;

   procedure cancel(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_by                       in  varchar2
     ,out_status                  out varchar2
   ) is
      l_now                       timestamp(6) := utc_now;
      r_job                       r_job_type   := locked_job(in_job_id => in_job_id);
      l_error                     varchar2(4000 char);
   begin
      if r_job.status not in ('PENDING', 'RUNNING') then
         raise_application_error(co_wrong_state, 'Job ' || in_job_id || ' is ' || r_job.status || ' and can no longer be cancelled.');
      end if;
      l_error := error_json(
                    in_code      => 'cancelled'
                   ,in_sentence  => 'Cancelled by ' || nvl(substr(in_by, 1, 128), 'somebody') || '.'
                   ,in_attempt   => r_job.attempt
                   ,in_worker_id => r_job.worker_id
                   ,in_retryable => 'false'
                   ,in_at        => l_now
                 );
      update comparison_jobs j
         set j.status           = case j.status when 'PENDING' then 'CANCELLED' else j.status end
            ,j.cancel_requested = case j.status when 'PENDING' then 0 else 1 end
            ,j.held             = 0
            ,j.completed_at     = case j.status when 'PENDING' then l_now end
            ,j.current_step     = case j.status when 'PENDING' then null else 'Stopping' end
            ,j.error_details    = l_error
       where j.rowid = r_job.rid;
      out_status := case r_job.status when 'PENDING' then 'CANCELLED' else 'RUNNING' end;
   end cancel;

   procedure retry(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_by                       in  varchar2
     ,out_status                  out varchar2
   ) is
      l_now                       timestamp(6) := utc_now;
      r_job                       r_job_type   := locked_job(in_job_id => in_job_id);
   begin
      if r_job.status not in ('FAILED', 'CANCELLED') then
         raise_application_error(co_wrong_state, 'Job ' || in_job_id || ' is ' || r_job.status || '; only a FAILED or CANCELLED job can be retried.');
      end if;
      keep_attempt(in_rid => r_job.rid, in_outcome => r_job.status);
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
       where j.rowid = r_job.rid;
      out_status := 'PENDING';
   exception
      when dup_val_on_index then
         raise_application_error(co_already_active, 'Another job with the unique key of job ' || in_job_id || ' is already waiting or running.');
   end retry;

   procedure hold(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_by                       in  varchar2
   ) is
   begin
      lock_pending(in_job_id => in_job_id, in_wish => 'held');
      update comparison_jobs j
         set j.held         = 1
            ,j.ready        = 0
            ,j.current_step = 'Held by ' || nvl(substr(in_by, 1, 128), 'somebody')
       where j.job_id = in_job_id
         and j.held = 0;
   end hold;

   procedure unhold(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_by                       in  varchar2
   ) is
   begin
      lock_pending(in_job_id => in_job_id, in_wish => 'let go');
      -- A trigger keeps READY at 0 when its time lies in the future.
      update comparison_jobs j
         set j.held         = 0
            ,j.ready        = 1
            ,j.current_step = 'Let go by ' || nvl(substr(in_by, 1, 128), 'somebody')
       where j.job_id = in_job_id
         and j.held = 1;
   end unhold;

   procedure set_priority(
      in_job_id                   in  comparison_jobs.job_id%type
     ,in_priority                 in  comparison_jobs.priority%type
   ) is
   begin
      if in_priority is null or in_priority not between 0 and 9 then
         raise_application_error(co_bad_argument, 'The priority must be 0 to 9, not ' || in_priority || '.');
      end if;
      lock_pending(in_job_id => in_job_id, in_wish => 'given another priority');
      update comparison_jobs j
         set j.priority = in_priority
       where j.job_id = in_job_id;
   end set_priority;

   -- A row for the queue, so that it can be paused and limited.
   procedure know_queue(
      in_queue_name               in job_queues.queue_name%type
   ) is
   begin
      if in_queue_name is null then
         raise_application_error(co_bad_argument, 'The queue must be named.');
      end if;
      insert into job_queues (queue_name)
      values (in_queue_name);
   exception
      when dup_val_on_index then
         null; -- somebody else made it, which is as good
   end know_queue;

   procedure pause_queue(
      in_queue_name               in  job_queues.queue_name%type
     ,in_by                       in  varchar2
   ) is
      l_now                       timestamp(6) := utc_now;
   begin
      know_queue(in_queue_name => in_queue_name);
      update job_queues q
         set q.paused    = 1
            ,q.paused_by = substr(in_by, 1, 128)
            ,q.paused_at = l_now
       where q.queue_name = in_queue_name
         and q.paused = 0;
   end pause_queue;

   procedure resume_queue(
      in_queue_name               in  job_queues.queue_name%type
   ) is
   begin
      update job_queues q
         set q.paused    = 0
            ,q.paused_by = null
            ,q.paused_at = null
       where q.queue_name = in_queue_name
         and q.paused = 1;
   end resume_queue;

   procedure set_limit(
      in_queue_name               in  job_queues.queue_name%type
     ,in_max_running              in  job_queues.max_running%type
   ) is
   begin
      if in_max_running < 0 then
         raise_application_error(co_bad_argument, 'A limit must be 0 or more, not ' || in_max_running || '.');
      end if;
      know_queue(in_queue_name => in_queue_name);
      update job_queues q
         set q.max_running = in_max_running
       where q.queue_name = in_queue_name;
   end set_limit;

   procedure set_key_limit(
      in_limit_key                in  job_limits.limit_key%type
     ,in_max_running              in  job_limits.max_running%type
   ) is
   begin
      if in_limit_key is null then
         raise_application_error(co_bad_argument, 'The key must be given.');
      end if;
      if in_max_running < 0 then
         raise_application_error(co_bad_argument, 'A limit must be 0 or more, not ' || in_max_running || '.');
      end if;
      if in_max_running is null then
         delete from job_limits l
          where l.limit_key = in_limit_key;
         return;
      end if;
      begin
         insert into job_limits (
            limit_key
           ,max_running
         ) values (
            in_limit_key
           ,in_max_running
         );
      exception
         when dup_val_on_index then
            update job_limits l
               set l.max_running = in_max_running
             where l.limit_key = in_limit_key;
      end;
   end set_key_limit;

   procedure set_kind(
      in_kind                     in  job_kinds.kind%type
     ,in_queue_name               in  job_kinds.queue_name%type           default null
     ,in_priority                 in  job_kinds.priority%type             default null
     ,in_max_attempts             in  job_kinds.max_attempts%type         default null
     ,in_backoff_base_seconds     in  job_kinds.backoff_base_seconds%type default null
     ,in_backoff_factor           in  job_kinds.backoff_factor%type       default null
     ,in_backoff_cap_seconds      in  job_kinds.backoff_cap_seconds%type  default null
     ,in_backoff_jitter           in  job_kinds.backoff_jitter%type       default null
   ) is
   begin
      if in_kind is null then
         raise_application_error(co_bad_argument, 'The kind must be given.');
      end if;
      savepoint before_set_kind;
      delete from job_kinds k
       where k.kind = in_kind;
      insert into job_kinds (
         kind
        ,queue_name
        ,priority
        ,max_attempts
        ,backoff_base_seconds
        ,backoff_factor
        ,backoff_cap_seconds
        ,backoff_jitter
      ) values (
         in_kind
        ,nvl(in_queue_name, co_queue_name)
        ,nvl(in_priority, co_priority)
        ,nvl(in_max_attempts, co_max_attempts)
        ,nvl(in_backoff_base_seconds, co_backoff_base_seconds)
        ,nvl(in_backoff_factor, co_backoff_factor)
        ,nvl(in_backoff_cap_seconds, co_backoff_cap_seconds)
        ,nvl(in_backoff_jitter, co_backoff_jitter)
      );
   exception
      when e_check_violated or e_value_too_large or e_number_too_large then
         rollback to savepoint before_set_kind;
         raise_application_error(co_bad_argument, 'The kind breaks a rule of JOB_KINDS: ' || sqlerrm);
   end set_kind;

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
               ,j.worker_id
               ,j.attempt
               ,j.max_attempts
               ,j.cancel_requested
           from comparison_jobs j
          where case when j.status = 'RUNNING' then j.worker_id end is not null
            and not exists (
                   select 1
                     from workers w
                    where w.worker_id = j.worker_id
                      and w.heartbeat_at >= l_now - numtodsinterval(w.lease_seconds, 'SECOND')
                )
            for update of j.status skip locked;
      type t_lost_list            is table of c_lost%rowtype index by pls_integer;
      t_lost                      t_lost_list;
      l_status                    comparison_jobs.status%type;
      l_error                     varchar2(4000 char);
   begin
      out_requeued := 0;
      out_failed   := 0;
      open c_lost;
      fetch c_lost bulk collect into t_lost limit co_requeue_limit;
      close c_lost;
      -- The rows are locked since the fetch: what was read of them still holds.
      for i in 1 .. t_lost.count
      loop
         l_status := case
                        when t_lost(i).cancel_requested = 1 then 'CANCELLED'
                        when t_lost(i).attempt < t_lost(i).max_attempts then 'PENDING'
                        else 'FAILED'
                     end;
         l_error  := error_json(
                        in_code      => 'worker_lost'
                       ,in_sentence  => 'Worker ' || t_lost(i).worker_id || ' was lost while it ran attempt ' || t_lost(i).attempt || ' of ' || t_lost(i).max_attempts || '.'
                       ,in_attempt   => t_lost(i).attempt
                       ,in_worker_id => t_lost(i).worker_id
                       ,in_retryable => 'true'
                       ,in_at        => l_now
                     );
         if l_status = 'PENDING' then
            out_requeued := out_requeued + 1;
            keep_attempt(
               in_rid           => t_lost(i).rid
              ,in_outcome       => 'LOST'
              ,in_ended_at      => l_now
              ,in_error_details => l_error
            );
         else
            out_failed := out_failed + 1;
         end if;
         update comparison_jobs j
            set j.status               = l_status
               ,j.ready                = 1
               ,j.due_at               = case l_status when 'PENDING' then l_now else j.due_at end
               ,j.completed_at         = case l_status when 'PENDING' then null else l_now end
               ,j.worker_id            = case l_status when 'PENDING' then null else j.worker_id end
               ,j.cancel_requested     = 0
               ,j.current_step         = null
               ,j.estimated_completion = null
               ,j.error_details        = case l_status when 'CANCELLED' then j.error_details else to_clob(l_error) end
          where j.rowid = t_lost(i).rid
            and j.run_token = t_lost(i).run_token
            and j.status = 'RUNNING';
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

   procedure elect(
      in_worker_id                in  workers.worker_id%type
     ,in_term_seconds             in  number
     ,out_elected                 out number
   ) is
      l_now                       timestamp(6) := utc_now;
      -- Whoever finds the row locked is not elected this time, and does not wait to hear it.
      cursor c_leader is
         select h.rowid as rid
               ,h.worker_id
           from housekeeping_leader h
          where h.leader_id = 1
            and (h.worker_id = in_worker_id or h.elected_until is null or h.elected_until < l_now)
            for update skip locked;
      l_rid                       rowid;
      l_leader                    housekeeping_leader.worker_id%type;
   begin
      if in_worker_id is null or in_term_seconds is null or in_term_seconds <= 0 then
         raise_application_error(co_bad_argument, 'An election needs a worker and a term of more than 0 seconds.');
      end if;
      open c_leader;
      fetch c_leader into l_rid, l_leader;
      close c_leader;
      update housekeeping_leader h
         set h.worker_id     = in_worker_id
            ,h.elected_at    = case when l_leader = in_worker_id then h.elected_at else l_now end
            ,h.elected_until = l_now + numtodsinterval(in_term_seconds, 'SECOND')
       where h.rowid = l_rid;
      out_elected := sql%rowcount;
   end elect;

   function purge_horizon(
      in_keep_days                in number
     ,in_keep_jobs                in number
   ) return timestamp is
      l_by_age                    timestamp(6);
      l_by_count                  timestamp(6);
   begin
      if in_keep_days < 0 or in_keep_jobs < 0 then
         raise_application_error(co_bad_argument, 'Days and jobs to keep must be 0 or more.');
      end if;
      if in_keep_days is not null then
         l_by_age := utc_now - numtodsinterval(in_keep_days, 'DAY');
      end if;
      if in_keep_jobs = 0 then
         l_by_count := utc_now;
      elsif in_keep_jobs is not null then
         -- The oldest of the jobs that stay; null while there are fewer.
         select case when count(*) = in_keep_jobs then min(n.completed_at) end
           into l_by_count
           from (
                   select j.completed_at
                     from comparison_jobs j
                    where j.completed_at is not null
                    order by j.completed_at desc
                    fetch first in_keep_jobs rows only
                ) n;
      end if;
      return nvl(greatest(l_by_age, l_by_count), nvl(l_by_age, l_by_count));
   end purge_horizon;

   procedure purge(
      in_ended_before             in  comparison_jobs.completed_at%type
     ,in_limit                    in  pls_integer
     ,out_purged                  out number
   ) is
      -- Only jobs that have ended have COMPLETED_AT: COMPARISON_JOBS_ENDED_CK sees to it.
      cursor c_old is
         select /*+ index(j comparison_jobs_completed_at_idx) */ j.rowid as rid
           from comparison_jobs j
          where j.completed_at < in_ended_before
            for update of j.status skip locked;
      t_rids                      t_rowid_list;
   begin
      if in_limit is null or in_limit not between 1 and co_purge_limit then
         raise_application_error(co_bad_argument, 'A purge deletes 1 to ' || co_purge_limit || ' jobs at once.');
      end if;
      open c_old;
      fetch c_old bulk collect into t_rids limit in_limit;
      close c_old;
      forall i in 1 .. t_rids.count
         delete from comparison_jobs j
          where j.rowid = t_rids(i)
            and j.status in ('COMPLETED', 'FAILED', 'CANCELLED');
      out_purged := t_rids.count;
   end purge;

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
