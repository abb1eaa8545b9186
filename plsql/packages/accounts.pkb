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
   ) is
      l_now                       timestamp(6) := sys_extract_utc(systimestamp);
   begin
      update app_users u
         set u.password_hash       = in_password_hash
            ,u.password_changed_at = l_now
       where u.username = lower(in_username);
      raise_when_missing(in_rows => sql%rowcount, in_username => in_username);
   exception
      when e_null_refused or e_value_too_large then
         raise_application_error(co_bad_argument, 'The password hash breaks a rule of APP_USERS: ' || sqlerrm);
   end set_password;

   procedure set_role(
      in_username                 in app_users.username%type
     ,in_role                     in app_users.role%type
   ) is
   begin
      update app_users u
         set u.role = in_role
       where u.username = lower(in_username);
      raise_when_missing(in_rows => sql%rowcount, in_username => in_username);
   exception
      when e_check_violated or e_null_refused or e_value_too_large then
         raise_application_error(co_bad_argument, 'The role must be ADMIN, OPERATOR, ANALYST or VIEWER, not ' || in_role || '.');
   end set_role;

   procedure deactivate(
      in_username                 in app_users.username%type
   ) is
   begin
      update app_users u
         set u.active = 0
       where u.username = lower(in_username);
      raise_when_missing(in_rows => sql%rowcount, in_username => in_username);
   end deactivate;

   procedure activate(
      in_username                 in app_users.username%type
   ) is
   begin
      update app_users u
         set u.active = 1
       where u.username = lower(in_username);
      raise_when_missing(in_rows => sql%rowcount, in_username => in_username);
   end activate;

   procedure record_login(
      in_username                 in app_users.username%type
   ) is
      l_now                       timestamp(6) := sys_extract_utc(systimestamp);
   begin
      update app_users u
         set u.last_login_at = l_now
       where u.username = lower(in_username);
   end record_login;
end accounts;
/
