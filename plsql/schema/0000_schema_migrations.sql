-- What the installer has done. Created before everything else; an existing one is left as it is.

create table schema_migrations (
   file_name                      varchar2(128 char)              not null
  ,step                           number(5)                       not null
  ,status                         varchar2(10 char)               not null
  ,checksum                       varchar2(64 char)               not null
  ,applied_at                     timestamp(6)                    not null
  ,constraint schema_migrations_pk        primary key (file_name, step)
  ,constraint schema_migrations_status_ck check (status in ('STARTED', 'DONE'))
);

comment on table schema_migrations is 'What the installer has done in this schema, one row per step of a file.';
comment on column schema_migrations.file_name is 'File below plsql/, for example schema/0001_queue.sql.';
comment on column schema_migrations.step is 'Number of the statement in a migration, from 1; 0 for a file that is installed as a whole (packages, views, grants).';
comment on column schema_migrations.status is 'STARTED before the statement runs, DONE after it. A STARTED row that stays is a step that an installer did not finish: the next one takes it up again.';
comment on column schema_migrations.checksum is 'SHA-256 of the text that was run, in hexadecimal.';
comment on column schema_migrations.applied_at is 'UTC time of the last change of this row.';
