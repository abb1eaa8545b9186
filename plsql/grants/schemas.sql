-- The owner has no login: nobody can connect as the user to whom tables and packages belong. Run once by a DBA,
-- who also gives the owner a quota on a tablespace of his choice and the runtime user its password.
grant create session to &app_user;
grant change notification to &app_user;
