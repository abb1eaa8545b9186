create or replace package body accounts is
   e_check_violated               exception;
   e_value_too_large              exception;
   e_null_refused                 exception;
   pragma exception_init(e_check_violated, -2290);
   pragma exception_init(e_value_too_large, -12899);
   pragma exception_init(e_null_refused, -1407);

   procedure raise_when_missing(
      in_rows                     in pls_integer
     ,in_username                 in app_users.username%type
   ) is
   begin
      if in_rows = 0 then
         raise_application_error(co_not_found, 'There is no user ' || in_username || '.');
      end if;
   end raise_when_missing;

   procedure create_user(
      in_username                 in app_users.username%type
     ,in_password_hash            in app_users.password_hash%type
     ,in_role                     in app_users.role%type
     ,in_created_by               in app_users.created_by%type default null
   ) is
      l_now                       timestamp(6) := sys_extract_utc(systimestamp);
   begin
      if in_username is null or in_password_hash is null or in_role is null then
         raise_application_error(co_bad_argument, 'User name, password and role must be given.');
      end if;
      insert into app_users (
         username
        ,password_hash
        ,role
        ,active
        ,created_at
        ,created_by
        ,password_changed_at
      ) values (
         lower(in_username)
        ,in_password_hash
        ,in_role
        ,1
        ,l_now
        ,in_created_by
        ,l_now
      );
   exception
      when dup_val_on_index then
         raise_application_error(co_already_exists, 'There is already a user ' || lower(in_username) || '.');
      when e_check_violated or e_value_too_large then
         raise_application_error(co_bad_argument, 'The user breaks a rule of APP_USERS: ' || sqlerrm);
   end create_user;

   procedure set_password(
      in_username                 in app_users.username%type
     ,in_password_hash            in app_users.password_hash%type
     ,in_except_session           in varchar2 default null
   ) is
      l_now                       timestamp(6) := sys_extract_utc(systimestamp);
   begin
      update app_users u
         set u.password_hash       = in_password_hash
            ,u.password_changed_at = l_now
       where u.username = lower(in_username);
      raise_when_missing(in_rows => sql%rowcount, in_username => in_username);
      logins.end_sessions(in_username => in_username, in_reason => 'PASSWORD', in_except => in_except_session);
   exception
      when e_null_refused or e_value_too_large then
         raise_application_error(co_bad_argument, 'The password hash breaks a rule of APP_USERS: ' || sqlerrm);
   end set_password;

   procedure update_user(
      in_username                 in app_users.username%type
     ,in_role                     in app_users.role%type
     ,in_active                   in app_users.active%type
   ) is
      type t_usernames            is table of app_users.username%type index by pls_integer;
      t_locked                    t_usernames;
      l_administrators            pls_integer;
   begin
      -- Two administrators who demote each other at the same moment: the second waits here, then sees the first.
      select u.username
        bulk collect into t_locked
        from app_users u
       where u.role = 'ADMIN'
         for update;
      update app_users u
         set u.role   = nvl(in_role, u.role)
            ,u.active = nvl(in_active, u.active)
       where u.username = lower(in_username);
      raise_when_missing(in_rows => sql%rowcount, in_username => in_username);
      select count(*)
        into l_administrators
        from app_users u
       where u.role   = 'ADMIN'
         and u.active = 1;
      if l_administrators = 0 then
         raise_application_error(co_wrong_state, 'The last active administrator must stay one.');
      end if;
      if in_active = 0 then
         logins.end_sessions(in_username => in_username, in_reason => 'DEACTIVATED');
      end if;
   exception
      when e_check_violated or e_value_too_large then
         raise_application_error(co_bad_argument, 'The role must be ADMIN, OPERATOR, ANALYST or VIEWER, not ' || in_role || '.');
   end update_user;

   procedure set_role(
      in_username                 in app_users.username%type
     ,in_role                     in app_users.role%type
   ) is
   begin
      if in_role is null then
         raise_application_error(co_bad_argument, 'A role must be given.');
      end if;
      update_user(in_username => in_username, in_role => in_role, in_active => null);
   end set_role;

   procedure deactivate(
      in_username                 in app_users.username%type
   ) is
   begin
      update_user(in_username => in_username, in_role => null, in_active => 0);
   end deactivate;

   procedure activate(
      in_username                 in app_users.username%type
   ) is
   begin
      update_user(in_username => in_username, in_role => null, in_active => 1);
   end activate;
end accounts;
/
