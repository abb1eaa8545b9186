create or replace package profiles authid definer is
   /**
   * Named sets of rules for comparisons: every change of RULE_PROFILES. Nothing here commits: the caller does.
   */

   co_not_found                   constant pls_integer := -20001; -- no profile with this name
   co_already_exists              constant pls_integer := -20003; -- there is such a profile already
   co_bad_argument                constant pls_integer := -20004; -- the text says which argument, and why

   /**
   * Makes a profile.
   *
   * in_rules             rules by column name, JSON
   * raises               co_already_exists, co_bad_argument
   */
   procedure create_profile(
      in_profile_name             in rule_profiles.profile_name%type
     ,in_description              in rule_profiles.description%type
     ,in_rules                    in rule_profiles.rules%type
     ,in_by                       in rule_profiles.created_by%type
   );

   /**
   * Replaces everything of a profile but its name and its maker.
   *
   * raises               co_not_found, co_bad_argument
   */
   procedure change_profile(
      in_profile_name             in rule_profiles.profile_name%type
     ,in_description              in rule_profiles.description%type
     ,in_rules                    in rule_profiles.rules%type
   );

   /**
   * Deletes a profile. Requests that name it fail from then on.
   *
   * raises               co_not_found
   */
   procedure delete_profile(
      in_profile_name             in rule_profiles.profile_name%type
   );
end profiles;
/
