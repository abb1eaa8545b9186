create or replace package accounts authid definer is
   /**
   * Users of the API: every change of APP_USERS. Nothing here commits. Names are kept in lower case.
   * Passwords never come here: the API hands over bcrypt hashes.
   */

   co_not_found                   constant pls_integer := -20001; -- no user with this name
   co_already_exists              constant pls_integer := -20003; -- there is such a user already
   co_bad_argument                constant pls_integer := -20004; -- the text says which argument, and why

   /**
   * Creates an active user.
   *
   * in_role              ADMIN, OPERATOR, ANALYST or VIEWER
   * raises               co_already_exists, co_bad_argument
   */
   procedure create_user(
      in_username                 in app_users.username%type
     ,in_password_hash            in app_users.password_hash%type
     ,in_role                     in app_users.role%type
     ,in_created_by               in app_users.created_by%type default null
   );

   /**
   * Changes the password; tokens that were issued before are refused from now on.
   *
   * raises               co_not_found, co_bad_argument
   */
   procedure set_password(
      in_username                 in app_users.username%type
     ,in_password_hash            in app_users.password_hash%type
   );

   /**
   * raises               co_not_found, co_bad_argument
   */
   procedure set_role(
      in_username                 in app_users.username%type
     ,in_role                     in app_users.role%type
   );

   /**
   * The user can no longer log in.
   *
   * raises               co_not_found
   */
   procedure deactivate(
      in_username                 in app_users.username%type
   );

   /**
   * The user can log in again.
   *
   * raises               co_not_found
   */
   procedure activate(
      in_username                 in app_users.username%type
   );

   /**
   * Notes the time of a login. An unknown user is no error.
   */
   procedure record_login(
      in_username                 in app_users.username%type
   );
end accounts;
/
