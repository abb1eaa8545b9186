"""What SQL tools ask: views that must be there, what they say of the schema, statistics after DBMS_STATS."""

from __future__ import annotations

import oracledb
import pytest

from tests.localdb.conftest import code

FAMILIES = [
    "tables",
    "tab_columns",
    "tab_cols",
    "tab_comments",
    "col_comments",
    "constraints",
    "cons_columns",
    "indexes",
    "ind_columns",
    "ind_expressions",
    "views",
    "objects",
    "source",
    "errors",
    "procedures",
    "sequences",
    "synonyms",
    "triggers",
    "tab_privs",
    "col_privs",
    "tab_statistics",
    "ind_statistics",
    "tab_col_statistics",
    "tab_identity_cols",
    "lobs",
    "json_columns",
    "segments",
    "dependencies",
    "catalog",
    "mviews",
    "types",
    "db_links",
    "tab_partitions",
    "part_tables",
    "external_tables",
    "scheduler_jobs",
    "tab_histograms",
]


@pytest.mark.parametrize("family", FAMILIES)
def test_user_all_and_dba_views(
    connection: oracledb.Connection, dba: oracledb.Connection, family: str
) -> None:
    user, every, admin = (
        [
            column[0]
            for column in who.cursor().execute(f"select * from {prefix}_{family} where 1 = 0").description
        ]
        for prefix, who in (("user", connection), ("all", connection), ("dba", dba))
    )
    assert every == admin
    assert set(user) <= set(every)
    with pytest.raises(oracledb.DatabaseError) as caught:
        connection.cursor().execute(f"select * from dba_{family}")
    assert code(caught) == 942


@pytest.mark.parametrize(
    "view",
    [
        "dual",
        "cat",
        "tab",
        "cols",
        "obj",
        "seq",
        "syn",
        "ind",
        "dict",
        "dict_columns",
        "global_name",
        "session_privs",
        "session_roles",
        "user_users",
        "all_users",
        "user_role_privs",
        "user_sys_privs",
        "role_tab_privs",
        "role_sys_privs",
        "role_role_privs",
        "user_tablespaces",
        "user_tab_privs_made",
        "user_tab_privs_recd",
        "user_recyclebin",
        "recyclebin",
        "user_jobs",
        "all_directories",
        "nls_session_parameters",
        "nls_instance_parameters",
        "nls_database_parameters",
        "database_properties",
        "v$version",
        "v$option",
        "v$nls_parameters",
        "product_component_version",
        "user_change_notification_regs",
        "user_ts_quotas",
    ],
)
def test_views_for_everybody(connection: oracledb.Connection, view: str) -> None:
    connection.cursor().execute(f"select * from {view}").fetchall()


@pytest.mark.parametrize(
    "view",
    [
        "v$session",
        "v$instance",
        "v$database",
        "v$parameter",
        "v$process",
        "v$pdbs",
        "v$containers",
        "v$locked_object",
        "v$sesstat",
        "gv$session",
        "gv$instance",
        "dba_users",
        "dba_roles",
        "dba_role_privs",
        "dba_sys_privs",
        "dba_tablespaces",
    ],
)
def test_views_for_administrators(
    connection: oracledb.Connection, dba: oracledb.Connection, view: str
) -> None:
    assert dba.cursor().execute(f"select * from {view}").fetchall() is not None
    with pytest.raises(oracledb.DatabaseError) as caught:
        connection.cursor().execute(f"select * from {view}")
    assert code(caught) == 942


def test_what_they_say_of_a_schema(connection: oracledb.Connection, schema: str) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number primary key, c clob, j varchar2(99) check (j is json))")
    cursor.execute("create view v as select id from t")
    cursor.execute("create sequence s")
    cursor.execute("create synonym y for t")
    assert sorted(cursor.execute("select table_name, table_type from cat").fetchall()) == [
        ("S", "SEQUENCE"),
        ("T", "TABLE"),
        ("V", "VIEW"),
        ("Y", "SYNONYM"),
    ]
    assert cursor.execute("select column_name, table_name from user_lobs").fetchall() == [("C", "T")]
    assert cursor.execute("select column_name, format from user_json_columns").fetchall() == [("J", "TEXT")]
    dependencies = cursor.execute(
        "select name, type, referenced_owner, referenced_name, referenced_type from user_dependencies"
    ).fetchall()
    assert dependencies == [("V", "VIEW", schema, "T", "TABLE")]


def test_statistics_are_there_once_they_are_gathered(connection: oracledb.Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create table t (id number)")
    cursor.executemany("insert into t values (:1)", [[n] for n in range(321)])
    connection.commit()
    facts = "select num_rows, nvl2(last_analyzed, 'yes', 'no') from user_tables where table_name = 'T'"
    assert cursor.execute(facts).fetchall() == [(None, "no")]
    cursor.callproc("dbms_stats.gather_table_stats", [None, "t"])
    assert cursor.execute(facts).fetchall() == [(321, "yes")]
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.callproc("dbms_stats.gather_table_stats", [None, "nosuch"])
    assert code(caught) == 20000


def test_a_supplied_package_that_is_not_here_is_named(connection: oracledb.Connection) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        connection.cursor().execute("select dbms_metadata.get_ddl('TABLE', 'T') from dual")
    assert code(caught) == 3001
    assert "DBMS_METADATA" in str(caught.value)
