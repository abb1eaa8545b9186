-- Named sets of rules that comparisons use again and again.

create table rule_profiles (
   profile_name                   varchar2(100 char)              not null
  ,description                    varchar2(1000 char)
  ,rules                          clob                            not null
  ,created_by                     varchar2(128 char)
  ,created_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,row_version                    number(18)                      default 0 not null
  ,updated_at                     timestamp(6)                    default sys_extract_utc(systimestamp) not null
  ,constraint rule_profiles_pk                primary key (profile_name)
  ,constraint rule_profiles_rules_ck          check (rules is json)
);

create or replace trigger rule_profiles_stamp_trg
   before insert or update on rule_profiles
   for each row
begin
   :new.updated_at  := sys_extract_utc(systimestamp);
   :new.row_version := nvl(:old.row_version, 0) + 1;
end rule_profiles_stamp_trg;
/

comment on table rule_profiles is 'Named sets of rules for comparisons. Written through package PROFILES.';
comment on column rule_profiles.profile_name is 'Name by which a request uses the rules.';
comment on column rule_profiles.description is 'What the rules are for, in a sentence or two.';
comment on column rule_profiles.rules is 'Rules by column name as JSON, as in a request.';
comment on column rule_profiles.created_by is 'User who made the profile.';
comment on column rule_profiles.created_at is 'UTC time at which it was made.';
comment on column rule_profiles.row_version is 'Number of changes of this row; stamped by a trigger.';
comment on column rule_profiles.updated_at is 'UTC time of the last change of this row; stamped by a trigger.';
