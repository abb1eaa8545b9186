create or replace package logins authid definer is
   /**
   * Logins, keys of services and the counters that keep all API processes agreed.
   *
   * Secrets never come here: the API hands over SHA-256 hashes of random tokens.
   * Nothing here commits, except admit_session, admit_key and count_login: what they count must survive whatever
   * follows, and their commit does not wait for the disk, because a lost count harms nobody.
   */

   co_not_found                   constant pls_integer := -20001; -- no such session, key or user
   co_wrong_state                 constant pls_integer := -20002; -- the user is not active
   co_bad_argument                constant pls_integer := -20004; -- the text says which argument, and why

   /**
   * One request of a session: may it come in, and is there room in this minute? Counts it.
   *
   * in_limit             requests a minute of one user
   * out_refusal          null; UNKNOWN, ENDED, EXPIRED or INACTIVE
   * out_requests         requests of the user in this minute, with this one; more than in_limit = refuse
   * out_seconds_left     seconds until the next minute begins
   */
   procedure admit_session(
      in_session_id               in  login_sessions.session_id%type
     ,in_limit                    in  pls_integer
     ,out_refusal                 out varchar2
     ,out_username                out varchar2
     ,out_role                    out varchar2
     ,out_requests                out number
     ,out_seconds_left            out number
   );

   /**
   * One request with a key; as admit_session, counted for the key.
   *
   * out_refusal          null; UNKNOWN (also: wrong secret), REVOKED, EXPIRED or INACTIVE
   * out_scopes           permissions separated by blanks; null = all of the user's role
   */
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
   );

   /**
   * Counts an attempt to log in, before the password is looked at: many at once cannot slip past together.
   *
   * out_wait_seconds     0, or how long this name is closed to this address; then nothing was counted
   */
   procedure count_login(
      in_username                 in  varchar2
     ,in_address                  in  varchar2
     ,in_max_failures             in  pls_integer
     ,in_window_seconds           in  pls_integer
     ,out_wait_seconds            out number
   );

   /**
   * The name is no longer closed to this address.
   */
   procedure forget_failures(
      in_username                 in varchar2
     ,in_address                  in varchar2
   );

   /**
   * Opens a session for a user who has just proved who he is, and forgets his failed attempts from that address.
   *
   * in_life_seconds      nothing prolongs the session beyond
   * raises               co_not_found, co_wrong_state
   */
   procedure open_session(
      in_session_id               in  login_sessions.session_id%type
     ,in_username                 in  login_sessions.username%type
     ,in_token_hash               in  refresh_tokens.token_hash%type
     ,in_life_seconds             in  pls_integer
     ,in_address                  in  varchar2
     ,in_agent                    in  varchar2
     ,out_expires_at              out login_sessions.expires_at%type
   );

   /**
   * Takes a refresh token and puts a new one in its place. A token that comes a second time ends its session:
   * either the holder or a thief has a copy.
   *
   * out_verdict          OK, UNKNOWN, REUSED, ENDED, EXPIRED or INACTIVE; the other values are there with OK only,
   *                      session and user with REUSED as well
   */
   procedure refresh(
      in_token_hash               in  refresh_tokens.token_hash%type
     ,in_new_token_hash           in  refresh_tokens.token_hash%type
     ,out_verdict                 out varchar2
     ,out_session_id              out varchar2
     ,out_username                out varchar2
     ,out_role                    out varchar2
     ,out_expires_at              out login_sessions.expires_at%type
   );

   /**
   * Ends one session; one that has ended already stays as it is.
   */
   procedure end_session(
      in_session_id               in login_sessions.session_id%type
     ,in_reason                   in login_sessions.end_reason%type
   );

   /**
   * Ends all sessions of a user.
   *
   * in_except            a session that goes on; null = none
   */
   procedure end_sessions(
      in_username                 in login_sessions.username%type
     ,in_reason                   in login_sessions.end_reason%type
     ,in_except                   in login_sessions.session_id%type default null
   );

   /**
   * Makes a key for a service.
   *
   * in_life_days         null = it does not expire
   * raises               co_not_found, co_wrong_state, co_bad_argument
   */
   procedure create_key(
      in_key_id                   in api_keys.key_id%type
     ,in_username                 in api_keys.username%type
     ,in_label                    in varchar2
     ,in_secret_hash              in api_keys.secret_hash%type
     ,in_scopes                   in varchar2
     ,in_life_days                in pls_integer
   );

   /**
   * The key is refused from now on; one that is revoked already stays as it is.
   *
   * raises               co_not_found
   */
   procedure revoke_key(
      in_key_id                   in api_keys.key_id%type
     ,in_by                       in api_keys.revoked_by%type
   );

   /**
   * Adds a key that signs access tokens, and lets all older ones retire.
   *
   * in_grace_seconds     how long tokens of the older keys are still accepted; null = no key retires
   * raises               co_bad_argument
   */
   procedure add_signing_key(
      in_key_id                   in signing_keys.key_id%type
     ,in_salt                     in signing_keys.salt%type
     ,in_master_id                in signing_keys.master_id%type
     ,in_by                       in signing_keys.created_by%type
     ,in_grace_seconds            in pls_integer
   );

   /**
   * Deletes at most in_limit sessions that ended or expired in_days ago, as many counters of past windows, and keys
   * that retired more than a day ago.
   *
   * out_deleted          rows; in_limit or more = call again
   */
   procedure purge(
      in_days                     in  pls_integer
     ,in_limit                    in  pls_integer
     ,out_deleted                 out number
   );
end logins;
/
