create or replace package body logins is
   e_check_violated               exception;
   e_value_too_large              exception;
   e_null_refused                 exception;
   pragma exception_init(e_check_violated, -2290);
   pragma exception_init(e_value_too_large, -12899);
   pragma exception_init(e_null_refused, -1400);

   co_address_length              constant pls_integer := 64;
   co_agent_length                constant pls_integer := 200;
   co_name_length                 constant pls_integer := 128;

   procedure count_request(
      in_subject                  in  request_counts.subject%type
     ,out_requests                out number
     ,out_seconds_left            out number
   ) is
      l_now                       timestamp(6) := sys_extract_utc(systimestamp);
      l_window                    timestamp(6) := cast(trunc(cast(l_now as date), 'MI') as timestamp);
   begin
      out_seconds_left := 60 - floor(extract(second from l_now));
      update request_counts c
         set c.requests     = case c.window_start when l_window then c.requests + 1 else 1 end
            ,c.window_start = l_window
       where c.subject = in_subject
      returning c.requests into out_requests;
      if sql%rowcount = 0 then
         begin
            insert into request_counts (
               subject
              ,window_start
              ,requests
            ) values (
               in_subject
              ,l_window
              ,1
            );
            out_requests := 1;
         exception
            when dup_val_on_index then -- another process was first
               update request_counts c
                  set c.requests = c.requests + 1
                where c.subject = in_subject
               returning c.requests into out_requests;
         end;
      end if;
   end count_request;

   procedure admit_session(
      in_session_id               in  login_sessions.session_id%type
     ,in_limit                    in  pls_integer
     ,out_refusal                 out varchar2
     ,out_username                out varchar2
     ,out_role                    out varchar2
     ,out_requests                out number
     ,out_seconds_left            out number
   ) is
   begin
      out_requests     := 0;
      out_seconds_left := 0;
      select case
                when s.ended_at is not null                        then 'ENDED'
                when u.active = 0                                  then 'INACTIVE'
                when s.expires_at <= sys_extract_utc(systimestamp) then 'EXPIRED'
             end
            ,u.username
            ,u.role
        into out_refusal
            ,out_username
            ,out_role
        from login_sessions s
        join app_users u
          on u.username = s.username
       where s.session_id = in_session_id;
      if out_refusal is null and in_limit > 0 then
         count_request(
            in_subject       => 'user:' || out_username
           ,out_requests     => out_requests
           ,out_seconds_left => out_seconds_left
         );
         commit write batch nowait;
      end if;
   exception
      when no_data_found then
         out_refusal := 'UNKNOWN';
   end admit_session;

   procedure admit_key(
      in_key_id                   in  api_keys.key_id%type
     ,in_secret_hash              in  api_keys.secret_hash%type
     ,in_limit                    in  pls_integer
     ,out_refusal                 out varchar2
     ,out_username                out varchar2
     ,out_role                    out varchar2
     ,out_scopes                  out varchar2
     ,out_requests                out number
     ,out_seconds_left            out number
   ) is
      co_use_resolution constant interval day to second := interval '1' minute;
      l_now                       timestamp(6) := sys_extract_utc(systimestamp);
      l_last_used_at              api_keys.last_used_at%type;
   begin
      out_requests     := 0;
      out_seconds_left := 0;
      select case
                when k.secret_hash <> in_secret_hash then 'UNKNOWN'
                when k.revoked_at is not null        then 'REVOKED'
                when u.active = 0                    then 'INACTIVE'
                when k.expires_at <= l_now           then 'EXPIRED'
             end
            ,u.username
            ,u.role
            ,k.scopes
            ,k.last_used_at
        into out_refusal
            ,out_username
            ,out_role
            ,out_scopes
            ,l_last_used_at
        from api_keys k
        join app_users u
          on u.username = k.username
       where k.key_id = in_key_id;
      if out_refusal is null then
         if l_last_used_at is null or l_last_used_at < l_now - co_use_resolution then
            update api_keys k
               set k.last_used_at = l_now
             where k.key_id = in_key_id;
         end if;
         if in_limit > 0 then
            count_request(
               in_subject       => 'key:' || in_key_id
              ,out_requests     => out_requests
              ,out_seconds_left => out_seconds_left
            );
         end if;
         commit write batch nowait;
      end if;
   exception
      when no_data_found then
         out_refusal := 'UNKNOWN';
   end admit_key;

   procedure count_login(
      in_username                 in  varchar2
     ,in_address                  in  varchar2
     ,in_max_failures             in  pls_integer
     ,in_window_seconds           in  pls_integer
     ,out_wait_seconds            out number
   ) is
      l_now                       timestamp(6)                := sys_extract_utc(systimestamp);
      l_username                  login_failures.username%type := substr(lower(in_username), 1, co_name_length);
      l_address                   login_failures.address%type  := nvl(substr(in_address, 1, co_address_length), '-');
      l_failures                  login_failures.failures%type;
      l_window_start              login_failures.window_start%type;
   begin
      out_wait_seconds := 0;
      begin
         insert into login_failures (
            username
           ,address
           ,window_start
           ,failures
         ) values (
            l_username
           ,l_address
           ,l_now
           ,1
         );
      exception
         when dup_val_on_index then
            select f.failures
                  ,f.window_start
              into l_failures
                  ,l_window_start
              from login_failures f
             where f.username = l_username
               and f.address  = l_address
               for update;
            if l_window_start <= l_now - numtodsinterval(in_window_seconds, 'SECOND') then
               update login_failures f
                  set f.failures     = 1
                     ,f.window_start = l_now
                where f.username = l_username
                  and f.address  = l_address;
            elsif l_failures < in_max_failures then
               update login_failures f
                  set f.failures = f.failures + 1
                where f.username = l_username
                  and f.address  = l_address;
            else
               out_wait_seconds := greatest(
                  1
                 ,ceil(
                     in_window_seconds
                     - (cast(l_now as date) - cast(l_window_start as date)) * 86400
                  )
               );
            end if;
      end;
      commit write batch nowait;
   exception
      when no_data_found then -- the holder of the name has just got in from there: nothing counts any more
         rollback;
   end count_login;

   procedure forget_failures(
      in_username                 in varchar2
     ,in_address                  in varchar2
   ) is
      l_username                  login_failures.username%type := substr(lower(in_username), 1, co_name_length);
      l_address                   login_failures.address%type  := nvl(substr(in_address, 1, co_address_length), '-');
   begin
      delete from login_failures f
       where f.username = l_username
         and f.address  = l_address;
   end forget_failures;

   procedure check_active(
      in_username                 in app_users.username%type
   ) is
      l_active                    app_users.active%type;
   begin
      select u.active
        into l_active
        from app_users u
       where u.username = lower(in_username);
      if l_active = 0 then
         raise_application_error(co_wrong_state, 'The user ' || lower(in_username) || ' is not active.');
      end if;
   exception
      when no_data_found then
         raise_application_error(co_not_found, 'There is no user ' || in_username || '.');
   end check_active;

   procedure open_session(
      in_session_id               in  login_sessions.session_id%type
     ,in_username                 in  login_sessions.username%type
     ,in_token_hash               in  refresh_tokens.token_hash%type
     ,in_life_seconds             in  pls_integer
     ,in_address                  in  varchar2
     ,in_agent                    in  varchar2
     ,out_expires_at              out login_sessions.expires_at%type
   ) is
      l_now                       timestamp(6)                := sys_extract_utc(systimestamp);
      l_username                  app_users.username%type     := lower(in_username);
      l_address                   login_sessions.address%type := substr(in_address, 1, co_address_length);
      l_agent                     login_sessions.agent%type   := substr(in_agent, 1, co_agent_length);
   begin
      check_active(in_username => l_username);
      out_expires_at := l_now + numtodsinterval(in_life_seconds, 'SECOND');
      insert into login_sessions (
         session_id
        ,username
        ,created_at
        ,refreshed_at
        ,expires_at
        ,address
        ,agent
      ) values (
         in_session_id
        ,l_username
        ,l_now
        ,l_now
        ,out_expires_at
        ,l_address
        ,l_agent
      );
      insert into refresh_tokens (
         token_hash
        ,session_id
        ,issued_at
      ) values (
         in_token_hash
        ,in_session_id
        ,l_now
      );
      forget_failures(in_username => l_username, in_address => l_address);
      update app_users u
         set u.last_login_at = l_now
       where u.username = l_username;
   end open_session;

   procedure refresh(
      in_token_hash               in  refresh_tokens.token_hash%type
     ,in_new_token_hash           in  refresh_tokens.token_hash%type
     ,out_verdict                 out varchar2
     ,out_session_id              out varchar2
     ,out_username                out varchar2
     ,out_role                    out varchar2
     ,out_expires_at              out login_sessions.expires_at%type
   ) is
      l_now                       timestamp(6) := sys_extract_utc(systimestamp);
      l_used_at                   refresh_tokens.used_at%type;
   begin
      -- The token's row is locked first: of two uses at the same moment one is the second.
      select t.session_id
            ,t.used_at
        into out_session_id
            ,l_used_at
        from refresh_tokens t
       where t.token_hash = in_token_hash
         for update;
      select case
                when s.ended_at is not null then 'ENDED'
                when l_used_at is not null  then 'REUSED'
                when u.active = 0           then 'INACTIVE'
                when s.expires_at <= l_now  then 'EXPIRED'
                else 'OK'
             end
            ,u.username
            ,u.role
            ,s.expires_at
        into out_verdict
            ,out_username
            ,out_role
            ,out_expires_at
        from login_sessions s
        join app_users u
          on u.username = s.username
       where s.session_id = out_session_id;
      if out_verdict = 'REUSED' then
         end_session(in_session_id => out_session_id, in_reason => 'REUSED');
      elsif out_verdict = 'OK' then
         update refresh_tokens t
            set t.used_at = l_now
          where t.token_hash = in_token_hash;
         insert into refresh_tokens (
            token_hash
           ,session_id
           ,issued_at
         ) values (
            in_new_token_hash
           ,out_session_id
           ,l_now
         );
         update login_sessions s
            set s.refreshed_at = l_now
          where s.session_id = out_session_id;
      end if;
   exception
      when no_data_found then
         out_verdict := 'UNKNOWN';
   end refresh;

   procedure end_session(
      in_session_id               in login_sessions.session_id%type
     ,in_reason                   in login_sessions.end_reason%type
   ) is
   begin
      update login_sessions s
         set s.ended_at   = sys_extract_utc(systimestamp)
            ,s.end_reason = in_reason
       where s.session_id = in_session_id
         and s.ended_at is null;
   end end_session;

   procedure end_sessions(
      in_username                 in login_sessions.username%type
     ,in_reason                   in login_sessions.end_reason%type
     ,in_except                   in login_sessions.session_id%type default null
   ) is
   begin
      update login_sessions s
         set s.ended_at   = sys_extract_utc(systimestamp)
            ,s.end_reason = in_reason
       where s.username = lower(in_username)
         and s.ended_at is null
         and s.session_id <> nvl(in_except, '-');
   end end_sessions;

   procedure create_key(
      in_key_id                   in api_keys.key_id%type
     ,in_username                 in api_keys.username%type
     ,in_label                    in varchar2
     ,in_secret_hash              in api_keys.secret_hash%type
     ,in_scopes                   in varchar2
     ,in_life_days                in pls_integer
   ) is
      l_now                       timestamp(6) := sys_extract_utc(systimestamp);
   begin
      check_active(in_username => in_username);
      insert into api_keys (
         key_id
        ,username
        ,label
        ,secret_hash
        ,scopes
        ,created_at
        ,expires_at
      ) values (
         in_key_id
        ,lower(in_username)
        ,in_label
        ,in_secret_hash
        ,in_scopes
        ,l_now
        ,l_now + numtodsinterval(in_life_days, 'DAY')
      );
   exception
      when e_check_violated or e_value_too_large or e_null_refused then
         raise_application_error(co_bad_argument, 'The key breaks a rule of API_KEYS: ' || sqlerrm);
   end create_key;

   procedure revoke_key(
      in_key_id                   in api_keys.key_id%type
     ,in_by                       in api_keys.revoked_by%type
   ) is
   begin
      update api_keys k
         set k.revoked_by = case when k.revoked_at is null then in_by else k.revoked_by end
            ,k.revoked_at = nvl(k.revoked_at, sys_extract_utc(systimestamp))
       where k.key_id = in_key_id;
      if sql%rowcount = 0 then
         raise_application_error(co_not_found, 'There is no key ' || in_key_id || '.');
      end if;
   end revoke_key;

   procedure add_signing_key(
      in_key_id                   in signing_keys.key_id%type
     ,in_salt                     in signing_keys.salt%type
     ,in_master_id                in signing_keys.master_id%type
     ,in_by                       in signing_keys.created_by%type
     ,in_grace_seconds            in pls_integer
   ) is
      l_now                       timestamp(6) := sys_extract_utc(systimestamp);
      l_end                       timestamp(6) := l_now + numtodsinterval(in_grace_seconds, 'SECOND');
   begin
      if in_grace_seconds < 0 then
         raise_application_error(co_bad_argument, 'A key cannot have retired in the past.');
      end if;
      update signing_keys k
         set k.retires_at = least(nvl(k.retires_at, l_end), l_end)
       where l_end is not null;
      insert into signing_keys (
         key_id
        ,salt
        ,master_id
        ,created_at
        ,created_by
      ) values (
         in_key_id
        ,in_salt
        ,in_master_id
        ,l_now
        ,in_by
      );
   end add_signing_key;

   procedure purge(
      in_days                     in  pls_integer
     ,in_limit                    in  pls_integer
     ,out_deleted                 out number
   ) is
      l_now                       timestamp(6) := sys_extract_utc(systimestamp);
      l_before                    timestamp(6) := l_now - numtodsinterval(in_days, 'DAY');
   begin
      delete from login_sessions s
       where (s.expires_at < l_before or s.ended_at < l_before)
         and rownum <= in_limit;
      out_deleted := sql%rowcount;
      delete from login_failures f
       where f.window_start < l_now - interval '1' day
         and rownum <= in_limit;
      out_deleted := greatest(out_deleted, sql%rowcount);
      delete from request_counts c
       where c.window_start < l_now - interval '1' day
         and rownum <= in_limit;
      out_deleted := greatest(out_deleted, sql%rowcount);
      delete from signing_keys k
       where k.retires_at < l_now - interval '1' day
         and rownum <= in_limit;
      out_deleted := greatest(out_deleted, sql%rowcount);
   end purge;
end logins;
/
