-- Named sources beside Concord's own database: other Oracle databases, folders of files.

create table data_connections (
   connection_name                varchar2(64 char)               not null
  ,connection_id                  varchar2(36 char)               not null
  ,kind                           varchar2(10 char)               not null
  ,description                    varchar2(1000 char)
  ,dsn                            varchar2(1000 char)
  ,username                       varchar2(257 char)
  ,sealed_password                varchar2(1500 char)
  ,sealing_key_id                 varchar2(16 char)
  ,folder                         varchar2(1000 char)
  ,allows_queries                 number(1)                       default 0 not null
  ,created_by                     varchar2(128 char)
  ,created_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,row_version                    number(18)                      default 0 not null
  ,updated_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,constraint data_connections_pk             primary key (connection_name)
  ,constraint data_connections_id_uk          unique (connection_id)
  ,constraint data_connections_kind_ck        check (kind in ('oracle', 'folder'))
  ,constraint data_connections_oracle_ck      check (kind <> 'oracle' or (dsn is not null and username is not null and folder is null))
  ,constraint data_connections_folder_ck      check (kind <> 'folder' or (folder is not null and dsn is null and username is null and sealed_password is null and allows_queries = 0))
  ,constraint data_connections_sealed_ck      check ((sealed_password is null and sealing_key_id is null) or (sealed_password is not null and sealing_key_id is not null))
  ,constraint data_connections_queries_ck     check (allows_queries in (0, 1))
);

create or replace trigger data_connections_stamp_trg
   before insert or update on data_connections
   for each row
begin
   :new.updated_at  := sys_extract_utc(systimestamp);
   :new.row_version := nvl(:old.row_version, 0) + 1;
end data_connections_stamp_trg;
/

comment on table data_connections is 'Named sources of comparisons: other Oracle databases and folders of files. Written through package CONNECTIONS; how many jobs use one at once is in JOB_LIMITS under its name.';
comment on column data_connections.connection_name is 'Name by which a request uses it; the limit key of its jobs.';
comment on column data_connections.connection_id is 'UUID; the sealed password is good with this id, address and user only.';
comment on column data_connections.kind is 'oracle or folder.';
comment on column data_connections.description is 'What it is, in a sentence or two.';
comment on column data_connections.dsn is 'oracle: address of the database.';
comment on column data_connections.username is 'oracle: database user with whose rights tables are read.';
comment on column data_connections.sealed_password is 'oracle: password, encrypted by the services with a key that the database never sees; base64.';
comment on column data_connections.sealing_key_id is 'Which key encrypts the password: the start of its SHA-256.';
comment on column data_connections.folder is 'folder: path below the services'' folder of files.';
comment on column data_connections.allows_queries is '1: requests may also run SELECT statements of their own with this user''s rights.';
comment on column data_connections.created_by is 'User who registered it.';
comment on column data_connections.created_at is 'UTC time at which it was registered.';
comment on column data_connections.row_version is 'Number of changes of this row; stamped by a trigger.';
comment on column data_connections.updated_at is 'UTC time of the last change of this row; stamped by a trigger.';
