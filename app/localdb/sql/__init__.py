"""Oracle SQL for the local database: parsing, name resolution, translation to PostgreSQL 18.

Covers queries, DML (MERGE, INSERT ALL, RETURNING) and DDL as 19c or 23ai has them; global temporary tables;
ORA_ROWSCN, the current SCN and AS OF SCN; JSON as text, as 23ai the type too; FOR UPDATE with rows locked as they are fetched.

What Oracle refuses is refused with Oracle's code and offset. What Oracle has and this has not is refused with
ORA-03001 and its name: object types, XMLTYPE, VECTOR, partitions, materialized views, database
links, PIVOT XML, MODEL, flashback version queries, DML on inline views, disabled constraints, EXPLAIN PLAN.
Values that cannot be kept are refused too: more than six decimals of a second, years before Christ. Known to differ:
ORA_HASH has values of its own (Oracle's function
is not published); ORA_ROWSCN is kept for each row of every table, where Oracle needs ROWDEPENDENCIES.

`compile` is the way in. A new function is one line in translate/functions.py, or a method in translate/calls.py.
"""

from __future__ import annotations

from app.localdb.sql.catalog import Catalog, ColumnInfo, ObjectInfo, ObjectKind
from app.localdb.sql.compiled import Compiled, Effect, Param, Variable
from app.localdb.sql.compiler import compile
from app.localdb.sql.translate.calls import is_function

__all__ = [
    "Catalog",
    "ColumnInfo",
    "Compiled",
    "Effect",
    "ObjectInfo",
    "ObjectKind",
    "Param",
    "Variable",
    "compile",
    "is_function",
]
