-- Who is logged in, keys of services, counters that all API processes share, and the audit trail.

create table login_sessions (
   session_id                     varchar2(32 char)               not null
  ,username                       varchar2(128 char)              not null
  ,created_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,refreshed_at                   timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,expires_at                     timestamp(6)                    not null
  ,ended_at                       timestamp(6)
  ,end_reason                     varchar2(30 char)
  ,address                        varchar2(64 char)
  ,agent                          varchar2(200 char)
  ,constraint login_sessions_pk          primary key (session_id)
  ,constraint login_sessions_username_fk foreign key (username) references app_users (username)
  ,constraint login_sessions_ended_ck    check (nvl2(ended_at, 1, 0) = nvl2(end_reason, 1, 0))
);

create index login_sessions_username_idx on login_sessions (username);
create index login_sessions_expires_idx on login_sessions (expires_at);

comment on table login_sessions is 'Logins to the API, each ended by log-out, expiry, a new password or the reuse of a spent token. Written through package LOGINS.';
comment on column login_sessions.session_id is 'Random, named by every access token of the session.';
comment on column login_sessions.username is 'Who logged in.';
comment on column login_sessions.created_at is 'UTC time of the login.';
comment on column login_sessions.refreshed_at is 'UTC time at which the last refresh token was given out.';
comment on column login_sessions.expires_at is 'UTC time after which nothing prolongs the session.';
comment on column login_sessions.ended_at is 'UTC time at which it was ended before that; null while it is good.';
comment on column login_sessions.end_reason is 'LOGOUT, PASSWORD, DEACTIVATED or REUSED: a spent refresh token came again, so a copy was about.';
comment on column login_sessions.address is 'Address from which the login came.';
comment on column login_sessions.agent is 'User agent of the login.';

create table refresh_tokens (
   token_hash                     varchar2(64 char)               not null
  ,session_id                     varchar2(32 char)               not null
  ,issued_at                      timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,used_at                        timestamp(6)
  ,constraint refresh_tokens_pk         primary key (token_hash)
  ,constraint refresh_tokens_session_fk foreign key (session_id) references login_sessions (session_id) on delete cascade
);

create index refresh_tokens_session_idx on refresh_tokens (session_id);

comment on table refresh_tokens is 'Refresh tokens of sessions; each is good for one use.';
comment on column refresh_tokens.token_hash is 'SHA-256 of the token, hexadecimal. The token itself is kept nowhere.';
comment on column refresh_tokens.session_id is 'The session that it prolongs.';
comment on column refresh_tokens.issued_at is 'UTC time at which it was given out.';
comment on column refresh_tokens.used_at is 'UTC time of its use; null while it is good.';

create table api_keys (
   key_id                         varchar2(16 char)               not null
  ,username                       varchar2(128 char)              not null
  ,label                          varchar2(100 char)              not null
  ,secret_hash                    varchar2(64 char)               not null
  ,scopes                         varchar2(1000 char)
  ,created_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,expires_at                     timestamp(6)
  ,last_used_at                   timestamp(6)
  ,revoked_at                     timestamp(6)
  ,revoked_by                     varchar2(128 char)
  ,constraint api_keys_pk          primary key (key_id)
  ,constraint api_keys_username_fk foreign key (username) references app_users (username)
);

create index api_keys_username_idx on api_keys (username);

comment on table api_keys is 'Keys with which services call the API in a user''s name. Written through package LOGINS.';
comment on column api_keys.key_id is 'The visible part of the key.';
comment on column api_keys.username is 'In whose name the key acts; it never may more than he may.';
comment on column api_keys.label is 'What the key is for.';
comment on column api_keys.secret_hash is 'SHA-256 of the secret part, hexadecimal. The secret itself is kept nowhere.';
comment on column api_keys.scopes is 'Permissions of the key, separated by blanks; null = all that its user has.';
comment on column api_keys.created_at is 'UTC time at which it was made.';
comment on column api_keys.expires_at is 'UTC time from which it is refused; null = never.';
comment on column api_keys.last_used_at is 'UTC time of its last use, to the minute.';
comment on column api_keys.revoked_at is 'UTC time at which it was revoked.';
comment on column api_keys.revoked_by is 'User who revoked it.';

create table request_counts (
   subject                        varchar2(140 char)              not null
  ,window_start                   timestamp(6)                    not null
  ,requests                       number(12)                      not null
  ,constraint request_counts_pk primary key (subject)
);

comment on table request_counts is 'Requests of each user and key in the current minute, over all API processes. One row each; safe to empty at any time.';
comment on column request_counts.subject is 'user:NAME or key:ID.';
comment on column request_counts.window_start is 'UTC minute that is counted.';
comment on column request_counts.requests is 'Requests in it so far.';

create table login_failures (
   username                       varchar2(128 char)              not null
  ,address                        varchar2(64 char)               not null
  ,window_start                   timestamp(6)                    not null
  ,failures                       number(9)                       not null
  ,constraint login_failures_pk primary key (username, address)
);

create index login_failures_window_idx on login_failures (window_start);

comment on table login_failures is 'Failed logins by name and address, over all API processes. Safe to empty: that opens closed accounts.';
comment on column login_failures.username is 'The name that was tried, in lower case; it need not exist.';
comment on column login_failures.address is 'Address from which it was tried.';
comment on column login_failures.window_start is 'UTC time of the first failure that counts.';
comment on column login_failures.failures is 'Failures since then.';

create table audit_log (
   audit_id                       number(18)                      not null
  ,logged_at                      timestamp(6)                    not null
  ,actor                          varchar2(128 char)
  ,action                         varchar2(50 char)               not null
  ,target                         varchar2(200 char)
  ,outcome                        varchar2(10 char)               not null
  ,before_value                   varchar2(1000 char)
  ,after_value                    varchar2(1000 char)
  ,address                        varchar2(64 char)
  ,agent                          varchar2(200 char)
  ,request_id                     varchar2(64 char)
  ,previous_hash                  varchar2(64 char)               not null
  ,row_hash                       varchar2(64 char)               not null
  ,constraint audit_log_pk         primary key (audit_id)
  ,constraint audit_log_outcome_ck check (outcome in ('DONE', 'REFUSED'))
);

create index audit_log_at_idx on audit_log (logged_at);
create index audit_log_actor_idx on audit_log (actor, audit_id);
create index audit_log_target_idx on audit_log (target, audit_id);

comment on table audit_log is 'Who did what. Rows are added through package AUDIT_TRAIL and can neither be changed nor deleted; each holds the hash of the one before: AUDIT_TRAIL.FIRST_FAULT tells whether somebody tampered.';
comment on column audit_log.audit_id is 'Number in the chain, without gaps.';
comment on column audit_log.logged_at is 'UTC time of the deed.';
comment on column audit_log.actor is 'User of the API; null when nobody was logged in.';
comment on column audit_log.action is 'What was done, e.g. user.update or login.';
comment on column audit_log.target is 'To what: a user, a job, a key.';
comment on column audit_log.outcome is 'DONE or REFUSED.';
comment on column audit_log.before_value is 'What was there before, as JSON, cut at 1000 characters.';
comment on column audit_log.after_value is 'What is there now, as JSON, cut at 1000 characters.';
comment on column audit_log.address is 'Address from which the request came.';
comment on column audit_log.agent is 'User agent of the request.';
comment on column audit_log.request_id is 'Id of the request, as in the API''s log.';
comment on column audit_log.previous_hash is 'ROW_HASH of the row before.';
comment on column audit_log.row_hash is 'SHA-256 over this row and PREVIOUS_HASH, hexadecimal; see AUDIT_TRAIL.ROW_HASH.';

create table audit_head (
   head_id                        number(1)                       not null
  ,audit_id                       number(18)                      not null
  ,row_hash                       varchar2(64 char)               not null
  ,constraint audit_head_pk         primary key (head_id)
  ,constraint audit_head_single_ck  check (head_id = 1)
);

comment on table audit_head is 'The end of the audit chain; one row, locked while a link is added.';
comment on column audit_head.head_id is 'Always 1.';
comment on column audit_head.audit_id is 'Number of the newest row of AUDIT_LOG.';
comment on column audit_head.row_hash is 'Its hash.';

insert into audit_head (head_id, audit_id, row_hash) values (1, 0, rpad('0', 64, '0'));

commit;

create or replace trigger audit_log_append_only_trg
   before update or delete on audit_log
   for each row
begin
   raise_application_error(-20002, 'AUDIT_LOG takes new rows only.');
end audit_log_append_only_trg;
/
