-- Held jobs by queue, so that counting them costs nothing while there are none.
create index comparison_jobs_held_idx on comparison_jobs (
   case when held = 1 then queue_name end
) initrans 4;
