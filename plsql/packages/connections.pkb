create or replace package body connections is
   e_check_violated               exception;
   e_value_too_large              exception;
   e_null_refused_on_insert       exception;
   e_null_refused_on_update       exception;
   pragma exception_init(e_check_violated, -2290);
   pragma exception_init(e_value_too_large, -12899);
   pragma exception_init(e_null_refused_on_insert, -1400);
   pragma exception_init(e_null_refused_on_update, -1407);

   procedure raise_bad_argument(
      in_why                      in varchar2
   ) is
   begin
      raise_application_error(co_bad_argument, 'The connection breaks a rule of DATA_CONNECTIONS: ' || in_why);
   end raise_bad_argument;

   procedure raise_changed(
      in_connection_name          in data_connections.connection_name%type
   ) is
   begin
      raise_application_error(co_wrong_state, 'The connection ' || in_connection_name || ' has been changed meanwhile; look at it again.');
   end raise_changed;

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
   ) is
   begin
      insert into data_connections (
         connection_name
        ,connection_id
        ,kind
        ,description
        ,dsn
        ,username
        ,sealed_password
        ,sealing_key_id
        ,folder
        ,allows_queries
        ,created_by
      ) values (
         in_connection_name
        ,in_connection_id
        ,in_kind
        ,in_description
        ,in_dsn
        ,in_username
        ,in_sealed_password
        ,in_sealing_key_id
        ,in_folder
        ,in_allows_queries
        ,in_by
      );
      if in_max_jobs is not null then
         job_queue.set_key_limit(in_limit_key => in_connection_name, in_max_running => in_max_jobs);
      end if;
   exception
      when dup_val_on_index then
         raise_application_error(co_already_exists, 'There is already a connection ' || in_connection_name || '.');
      when e_check_violated or e_value_too_large or e_null_refused_on_insert then
         raise_bad_argument(in_why => sqlerrm);
   end create_connection;

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
   ) is
      l_row_version               data_connections.row_version%type;
      l_dsn                       data_connections.dsn%type;
      l_username                  data_connections.username%type;
      l_sealed_password           data_connections.sealed_password%type;
      l_sealing_key_id            data_connections.sealing_key_id%type;
   begin
      begin
         select c.row_version
               ,c.dsn
               ,c.username
               ,c.sealed_password
               ,c.sealing_key_id
           into l_row_version, l_dsn, l_username, l_sealed_password, l_sealing_key_id
           from data_connections c
          where c.connection_name = in_connection_name
            for update;
      exception
         when no_data_found then
            raise_application_error(co_not_found, 'There is no connection ' || in_connection_name || '.');
      end;
      if l_row_version <> in_row_version then
         raise_changed(in_connection_name => in_connection_name);
      end if;
      if in_sealed_password is not null then
         l_sealed_password := in_sealed_password;
         l_sealing_key_id  := in_sealing_key_id;
      elsif l_sealed_password is not null and (l_dsn <> in_dsn or l_username <> in_username) then
         raise_application_error(co_bad_argument, 'The password must be given again when address or user change.');
      end if;
      update data_connections c
         set c.description     = in_description
            ,c.dsn             = in_dsn
            ,c.username        = in_username
            ,c.sealed_password = l_sealed_password
            ,c.sealing_key_id  = l_sealing_key_id
            ,c.folder          = in_folder
            ,c.allows_queries  = in_allows_queries
       where c.connection_name = in_connection_name;
      job_queue.set_key_limit(in_limit_key => in_connection_name, in_max_running => in_max_jobs);
   exception
      when e_check_violated or e_value_too_large or e_null_refused_on_update then
         raise_bad_argument(in_why => sqlerrm);
   end change_connection;

   procedure reseal(
      in_connection_name          in data_connections.connection_name%type
     ,in_row_version              in data_connections.row_version%type
     ,in_sealed_password          in data_connections.sealed_password%type
     ,in_sealing_key_id           in data_connections.sealing_key_id%type
   ) is
   begin
      update data_connections c
         set c.sealed_password = in_sealed_password
            ,c.sealing_key_id  = in_sealing_key_id
       where c.connection_name = in_connection_name
         and c.row_version = in_row_version;
      if sql%rowcount = 0 then
         raise_changed(in_connection_name => in_connection_name);
      end if;
   end reseal;

   procedure delete_connection(
      in_connection_name          in data_connections.connection_name%type
   ) is
   begin
      delete from data_connections c
       where c.connection_name = in_connection_name;
      if sql%rowcount = 0 then
         raise_application_error(co_not_found, 'There is no connection ' || in_connection_name || '.');
      end if;
      job_queue.set_key_limit(in_limit_key => in_connection_name, in_max_running => null);
   end delete_connection;
end connections;
/
