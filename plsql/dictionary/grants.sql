-- What JOB_LOCKS_V needs to tell who holds a row. Only SYS, or whoever may grant on its views, can run this; without it
-- the installation gives JOB_LOCKS_V no rows, and everything else works.
grant select on sys.v_$session to &owner with grant option;
grant select on sys.v_$locked_object to &owner with grant option;
