"""Columns whose values the database makes itself, so that no statement may give them one."""

from __future__ import annotations

from collections.abc import Mapping

from worker.engines.sources.oracle import OracleTableSource

VIRTUAL = "a virtual column, which follows the columns it is computed from"
IDENTITY = "an identity column GENERATED ALWAYS, which takes no value"

_GENERATED = """
select c.column_name, c.virtual_column
  from all_tab_cols c
  left join all_tab_identity_cols i
    on i.owner = c.owner and i.table_name = c.table_name and i.column_name = c.column_name
 where c.owner = :owner_name and c.table_name = :table_name
   and (c.virtual_column = 'YES' or i.generation_type = 'ALWAYS')"""


def generated_columns(table: OracleTableSource) -> Mapping[str, str]:
    """VIRTUAL or IDENTITY by name of column. Raises as a source does.

    Source: ORA-54013, 54017 (virtual columns), 32795, 32796 (identity columns) in Database Error Messages.
    """
    owner, name = table.place
    with table.session() as connection, connection.cursor() as cursor:
        rows = cursor.execute(_GENERATED, owner_name=owner, table_name=name).fetchall()
    return {column: VIRTUAL if virtual == "YES" else IDENTITY for column, virtual in rows}
