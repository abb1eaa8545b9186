-- Users of the API. They are no database users.

create table app_users (
   username                       varchar2(128 char)              not null
  ,password_hash                  varchar2(200 char)              not null
  ,role                           varchar2(20 char)               not null
  ,active                         number(1)                       default 1 not null
  ,created_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,created_by                     varchar2(128 char)
  ,password_changed_at            timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,last_login_at                  timestamp(6)
  ,row_version                    number(18)                      default 0 not null
  ,updated_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,constraint app_users_pk          primary key (username)
  ,constraint app_users_username_ck check (username = lower(username))
  ,constraint app_users_role_ck     check (role in ('ADMIN', 'OPERATOR', 'ANALYST', 'VIEWER'))
  ,constraint app_users_active_ck   check (active in (0, 1))
);

create or replace trigger app_users_stamp_trg
   before insert or update on app_users
   for each row
begin
   :new.updated_at  := sys_extract_utc(systimestamp);
   :new.row_version := nvl(:old.row_version, 0) + 1;
end app_users_stamp_trg;
/

comment on table app_users is 'Users of the API of Concord; they are no database users. Written through package ACCOUNTS.';
comment on column app_users.username is 'Name to log in with, in lower case.';
comment on column app_users.password_hash is 'bcrypt hash of the password.';
comment on column app_users.role is 'ADMIN, OPERATOR, ANALYST or VIEWER.';
comment on column app_users.active is '1 when the user may log in.';
comment on column app_users.created_at is 'UTC time at which the user was created.';
comment on column app_users.created_by is 'User who created this one.';
comment on column app_users.password_changed_at is 'UTC time of the last change of the password; older tokens are refused.';
comment on column app_users.last_login_at is 'UTC time of the last login.';
comment on column app_users.row_version is 'Number of changes of this row; stamped by a trigger.';
comment on column app_users.updated_at is 'UTC time of the last change of this row; stamped by a trigger.';
