create or replace package body profiles is
   e_check_violated               exception;
   e_value_too_large              exception;
   e_null_refused_on_insert       exception;
   e_null_refused_on_update       exception;
   pragma exception_init(e_check_violated, -2290);
   pragma exception_init(e_value_too_large, -12899);
   pragma exception_init(e_null_refused_on_insert, -1400);
   pragma exception_init(e_null_refused_on_update, -1407);

   procedure raise_when_missing(
      in_rows                     in pls_integer
     ,in_profile_name             in rule_profiles.profile_name%type
   ) is
   begin
      if in_rows = 0 then
         raise_application_error(co_not_found, 'There is no profile ' || in_profile_name || '.');
      end if;
   end raise_when_missing;

   procedure create_profile(
      in_profile_name             in rule_profiles.profile_name%type
     ,in_description              in rule_profiles.description%type
     ,in_rules                    in rule_profiles.rules%type
     ,in_by                       in rule_profiles.created_by%type
   ) is
   begin
      insert into rule_profiles (
         profile_name
        ,description
        ,rules
        ,created_by
      ) values (
         in_profile_name
        ,in_description
        ,in_rules
        ,in_by
      );
   exception
      when dup_val_on_index then
         raise_application_error(co_already_exists, 'There is already a profile ' || in_profile_name || '.');
      when e_check_violated or e_value_too_large or e_null_refused_on_insert then
         raise_application_error(co_bad_argument, 'The profile breaks a rule of RULE_PROFILES: ' || sqlerrm);
   end create_profile;

   procedure change_profile(
      in_profile_name             in rule_profiles.profile_name%type
     ,in_description              in rule_profiles.description%type
     ,in_rules                    in rule_profiles.rules%type
   ) is
   begin
      update rule_profiles p
         set p.description = in_description
            ,p.rules       = in_rules
       where p.profile_name = in_profile_name;
      raise_when_missing(in_rows => sql%rowcount, in_profile_name => in_profile_name);
   exception
      when e_check_violated or e_value_too_large or e_null_refused_on_update then
         raise_application_error(co_bad_argument, 'The profile breaks a rule of RULE_PROFILES: ' || sqlerrm);
   end change_profile;

   procedure delete_profile(
      in_profile_name             in rule_profiles.profile_name%type
   ) is
   begin
      delete from rule_profiles p
       where p.profile_name = in_profile_name;
      raise_when_missing(in_rows => sql%rowcount, in_profile_name => in_profile_name);
   end delete_profile;
end profiles;
/
