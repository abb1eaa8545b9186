"""PL/SQL: parsed, checked and compiled to closures, run in the session's own thread.

Covered: anonymous blocks, packages with state, procedures and functions, cursors, collections, BULK COLLECT
and FORALL, dynamic SQL, exceptions, autonomous transactions, triggers of tables and views, and the supplied
packages of `packages`. Refused by name: GOTO, object types, pipelined functions, conditional
compilation, iteration controls of 21c, triggers of DDL and of the database, every supplied package not listed.
"""

from app.localdb.plsql.firing import Firing
from app.localdb.plsql.service import create_unit, drop_unit, firing, invalidate, reset, run_block

__all__ = ["Firing", "create_unit", "drop_unit", "firing", "invalidate", "reset", "run_block"]
