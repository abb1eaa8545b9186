-- The keys that sign access tokens, without their secrets.

create table signing_keys (
   key_id                         varchar2(16 char)               not null
  ,salt                           varchar2(64 char)               not null
  ,master_id                      varchar2(16 char)               not null
  ,created_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,created_by                     varchar2(128 char)
  ,retires_at                     timestamp(6)
  ,constraint signing_keys_pk primary key (key_id)
);

comment on table signing_keys is 'Keys that sign access tokens. A key is worked out from its row and from the secret in CONCORD_JWT_SECRET, which is not in the database: who reads this table can forge no token. Written through package LOGINS.';
comment on column signing_keys.key_id is 'Random; each token names the key that signed it (kid).';
comment on column signing_keys.salt is 'Random part of the key.';
comment on column signing_keys.master_id is 'Which secret of CONCORD_JWT_SECRET the key is made from: a part of its hash.';
comment on column signing_keys.created_at is 'UTC time at which it was made; the newest key that does not retire signs.';
comment on column signing_keys.created_by is 'User who rotated the keys; null for the first one.';
comment on column signing_keys.retires_at is 'UTC time from which its tokens are refused; null while it is in use.';
