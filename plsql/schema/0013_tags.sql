-- Tags of jobs: an index over the array `tags` of REQUEST_CONFIG, kept by JOB_QUEUE.

create table job_tags (
   job_id                         varchar2(36 char)               not null
  ,tag                            varchar2(50 char)               not null
  ,constraint job_tags_pk         primary key (job_id, tag)
  ,constraint job_tags_job_fk     foreign key (job_id) references comparison_jobs (job_id) on delete cascade
) initrans 4;

create index job_tags_tag_idx on job_tags (tag, job_id) initrans 4;

comment on table job_tags is 'Words by which people find jobs again, from the array `tags` of REQUEST_CONFIG. Written by JOB_QUEUE when a job is enqueued; goes with its job.';
comment on column job_tags.job_id is 'The job.';
comment on column job_tags.tag is 'One of its tags.';
