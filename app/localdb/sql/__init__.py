"""Oracle SQL for the local database: parsing, name resolution, translation to PostgreSQL 18.

Covers queries, DML and DDL; what it does not know is refused
with ORA-03001 and its name, what Oracle refuses with Oracle's code and offset. `compile` is the way in.
"""

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
