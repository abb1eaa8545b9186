-- Jobs by status are counted from this index alone, however many there are.
create index comparison_jobs_status_idx on comparison_jobs (status, completed_at) initrans 8;
