create or replace package connections authid definer is
   /**
   * Named sources of comparisons: every change of DATA_CONNECTIONS. Nothing here commits: the caller does.
   *
   * Passwords come encrypted: the database never sees one, nor the key.
   */

   co_not_found                   constant pls_integer := -20001; -- no connection with this name
   co_wrong_state                 constant pls_integer := -20002; -- somebody else has changed it meanwhile
   co_already_exists              constant pls_integer := -20003; -- there is such a connection already
   co_bad_argument                constant pls_integer := -20004; -- the text says which argument, and why

   /**
   * Registers a connection.
   *
   * in_kind              oracle or folder; see DATA_CONNECTIONS for what each needs
   * in_sealed_password   null = none
   * in_max_jobs          jobs of the whole fleet that use it at once; null = what JOB_LIMITS says already
   * raises               co_already_exists, co_bad_argument
   */
   procedure create_connection(
      in_connection_name          in data_connections.connection_name%type
     ,in_connection_id            in data_connections.connection_id%type
     ,in_kind                     in data_connections.kind%type
     ,in_description              in data_connections.description%type
     ,in_dsn                      in data_connections.dsn%type
     ,in_username                 in data_connections.username%type
     ,in_sealed_password          in data_connections.sealed_password%type
     ,in_sealing_key_id           in data_connections.sealing_key_id%type
     ,in_folder                   in data_connections.folder%type
     ,in_allows_queries           in data_connections.allows_queries%type
     ,in_max_jobs                 in job_limits.max_running%type
     ,in_by                       in data_connections.created_by%type
   );

   /**
   * Replaces everything of a connection but its name, id, kind and maker.
   *
   * in_row_version       of the row from which the caller started
   * in_sealed_password   null = the one that is stored, which is good for the same address and user only
   * raises               co_not_found, co_wrong_state, co_bad_argument
   */
   procedure change_connection(
      in_connection_name          in data_connections.connection_name%type
     ,in_row_version              in data_connections.row_version%type
     ,in_description              in data_connections.description%type
     ,in_dsn                      in data_connections.dsn%type
     ,in_username                 in data_connections.username%type
     ,in_sealed_password          in data_connections.sealed_password%type
     ,in_sealing_key_id           in data_connections.sealing_key_id%type
     ,in_folder                   in data_connections.folder%type
     ,in_allows_queries           in data_connections.allows_queries%type
     ,in_max_jobs                 in job_limits.max_running%type
   );

   /**
   * Stores the same password encrypted with another key.
   *
   * in_row_version       of the row from which the password was read
   * raises               co_wrong_state also for a connection that is gone
   */
   procedure reseal(
      in_connection_name          in data_connections.connection_name%type
     ,in_row_version              in data_connections.row_version%type
     ,in_sealed_password          in data_connections.sealed_password%type
     ,in_sealing_key_id           in data_connections.sealing_key_id%type
   );

   /**
   * Deletes a connection and its limit. Requests that name it fail from then on.
   *
   * raises               co_not_found
   */
   procedure delete_connection(
      in_connection_name          in data_connections.connection_name%type
   );
end connections;
/
