-- What the API and the workers may do, and nothing else. SELECT and not READ on COMPARISON_JOBS and
-- NOTIFICATION_PINGS: registering for change notification asks for SELECT. All writing goes through the packages.
grant execute on job_queue to &app_user;
grant execute on schedules to &app_user;
grant execute on accounts to &app_user;
grant execute on logins to &app_user;
grant execute on audit_trail to &app_user;
grant select on comparison_jobs to &app_user;
grant select on notification_pings to &app_user;
grant read on job_schedules to &app_user;
grant read on workers to &app_user;
grant read on job_attempts to &app_user;
grant read on job_kinds to &app_user;
grant read on job_queues to &app_user;
grant read on job_limits to &app_user;
grant read on housekeeping_leader to &app_user;
grant read on job_attempts_v to &app_user;
grant read on app_users to &app_user;
grant read on login_sessions to &app_user;
grant read on api_keys to &app_user;
grant read on audit_log to &app_user;
grant read on schema_migrations to &app_user;
grant read on queue_depth_v to &app_user;
grant read on running_jobs_v to &app_user;
grant read on workers_v to &app_user;
grant read on job_failures_v to &app_user;
