create or replace package accounts authid definer is
   /**
   * Users of the API: every change of APP_USERS. Nothing here commits. Names are kept in lower case.
   * Passwords never come here: the API hands over bcrypt hashes.
   */

   co_not_found                   constant pls_integer := -20001; -- no user with this name
   co_wrong_state                 constant pls_integer := -20002; -- it would leave nobody who can administer
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
   * Changes the password and ends the user's sessions.
   *
   * in_except_session    a session that goes on: the one in which the user himself changes it; null = none
   * raises               co_not_found, co_bad_argument
   */
   procedure set_password(
      in_username                 in app_users.username%type
     ,in_password_hash            in app_users.password_hash%type
     ,in_except_session           in varchar2 default null
   );

   /**
   * Changes role and activity; a user who is not active has no sessions. The last active administrator stays one.
   *
   * in_role, in_active   null = as it is
   * raises               co_not_found, co_bad_argument, co_wrong_state
   */
   procedure update_user(
      in_username                 in app_users.username%type
     ,in_role                     in app_users.role%type
     ,in_active                   in app_users.active%type
   );

   /**
   * Changes the role.
   *
   * raises               co_not_found, co_bad_argument, co_wrong_state
   */
   procedure set_role(
      in_username                 in app_users.username%type
     ,in_role                     in app_users.role%type
   );

   /**
   * The user can no longer log in, and what he is logged in to ends.
   *
   * raises               co_not_found, co_wrong_state
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
end accounts;
/
