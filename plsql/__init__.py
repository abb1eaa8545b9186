"""Everything that Concord installs in the database: migrations, packages, views and grants, as SQL text.

The files are read as package data by `app.oracle.install`; a DBA may as well run them in SQL*Plus in the
order schema, packages, views, grants, with `define owner` and `define app_user` set.
"""
