"""Hash push-down between two schemas: the counts of the default engine, and only what differs is fetched."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import oracledb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import Instance
from worker.engines import workflow
from worker.engines.arrow_duckdb import ArrowDuckDBComparison
from worker.engines.errors import BadPlan
from worker.engines.plan import ColumnRule, ComparisonPlan
from worker.engines.pushdown import PushdownComparison, bisect
from worker.engines.sources.oracle import OracleTableSource

SCHEMAS = ("PUSH_A", "PUSH_B")
Rows = list[tuple[Any, ...]]
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # to shrink an example takes minutes here

MIXED = {
    "PUSH_A": """id number(9), code varchar2(12 char), amount number(12,4), bare number, padded char(4 char),
                 day date, seen timestamp(6), zoned timestamp(3) with time zone, ratio binary_double, bytes raw(8)""",
    "PUSH_B": """id number(12), code varchar2(20 char), amount number(14,6), bare number(20,8), padded varchar2(6),
                 day timestamp(3), seen timestamp(6), zoned timestamp(6) with time zone, ratio binary_double, bytes raw(16)""",
}
COLUMNS = ("ID", "CODE", "AMOUNT", "BARE", "PADDED", "DAY", "SEEN", "ZONED", "RATIO", "BYTES")
INSERT = (
    "insert into {schema}.mixed values (:1, :2, :3, :4, :5, :6, :7,"
    " to_timestamp_tz(:8, 'YYYY-MM-DD HH24:MI TZH:TZM'), :9, :10)"
)


@pytest.fixture(scope="module")
def schemas(database: Instance) -> Iterator[oracledb.Connection]:
    with database.connect() as connection, connection.cursor() as cursor:
        for schema in SCHEMAS:
            cursor.execute(f'create user {schema} identified by "{secrets.token_hex(10)}"')
            cursor.execute(f"grant unlimited tablespace to {schema}")
            cursor.execute(f"create table {schema}.mixed ({MIXED[schema]})")
            cursor.execute(
                f"create table {schema}.numbered (id number(9) primary key, name varchar2(20), price number(9,2))"
            )
        yield connection
        for schema in SCHEMAS:
            cursor.execute(f"drop user {schema} cascade")


def fill(connection: oracledb.Connection, schema: str, table: str, insert: str, rows: Rows) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"delete from {schema}.{table}")
        if rows:
            sizes: list[Any] = [None] * len(rows[0])
            if table == "mixed":
                sizes[6] = oracledb.DB_TYPE_TIMESTAMP
                sizes[2] = sizes[3] = oracledb.DB_TYPE_NUMBER
                sizes[8] = oracledb.DB_TYPE_BINARY_DOUBLE
                sizes[9] = oracledb.DB_TYPE_RAW
                cursor.setinputsizes(*sizes)
            cursor.executemany(insert.format(schema=schema), rows)
        connection.commit()


def both(
    database: Instance, table: str, plan: ComparisonPlan
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The document of the default engine, that of the push-down, and the account of the latter."""
    with TemporaryDirectory() as folder:

        def sources() -> list[OracleTableSource]:
            return [OracleTableSource(database.connect, schema, table.upper()) for schema in SCHEMAS]

        plain = ArrowDuckDBComparison(*sources(), plan, Path(folder), 128).run(lambda *_: None)
        engine = PushdownComparison(*sources(), plan, Path(folder), 128)
        return plain.to_document(), engine.run(lambda *_: None).to_document(), engine.account


moment = st.sampled_from(
    [datetime(2020, 2, 29, 12, 30, 15), datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)]  # noqa: DTZ001
)
row = st.tuples(
    st.none() | st.integers(-2, 4),
    st.sampled_from([None, "a", "A", "ä", "日本", "a|b"]),
    st.sampled_from([None, Decimal("1.5"), Decimal("-0.0001"), Decimal("99999999.9999"), Decimal(0)]),
    st.sampled_from([None, Decimal("1.5"), Decimal("123456789012.12345678"), Decimal("1e-8")]),
    st.sampled_from([None, "ab", "abcd", "a"]),
    st.none() | moment,
    st.none() | moment | moment.map(lambda t: t.replace(microsecond=1)),
    st.sampled_from([None, "2020-01-01 12:00 +00:00", "2020-01-01 13:00 +01:00", "2020-01-01 13:00 +00:00"]),
    st.sampled_from([None, 0.0, 1.5, -1.5, 0.1, 5e-324, float("nan"), float("inf")]),
    st.sampled_from([None, b"\x00", b"\x00\x00", b"\xff"]),
)


@given(
    data=st.data(),
    a=st.lists(row, max_size=8),
    keys=st.sampled_from([("ID",), ("ID", "CODE"), ("CODE", "PADDED")]),
)
@settings(
    max_examples=10, deadline=None, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_document_is_that_of_the_default_engine(
    schemas: oracledb.Connection, database: Instance, data: st.DataObject, a: Rows, keys: tuple[str, ...]
) -> None:
    b = [data.draw(st.sampled_from([old, old, data.draw(row)])) for old in a]
    b += data.draw(st.lists(row, max_size=3))
    fill(schemas, "PUSH_A", "mixed", INSERT, a)
    fill(schemas, "PUSH_B", "mixed", INSERT, data.draw(st.permutations(b)))
    plain, pushed, account = both(database, "mixed", ComparisonPlan(key=keys, sample_limit=100))
    for part in ("summary", "columns", "schema", "samples"):
        assert pushed[part] == plain[part], account


def numbered(count: int) -> Rows:
    return [(n, f"name {n}", Decimal(n) / 4) for n in range(count)]


PLAIN = "insert into {schema}.numbered values (:1, :2, :3)"


def test_equal_tables_cost_two_queries_and_no_row(schemas: oracledb.Connection, database: Instance) -> None:
    for schema in SCHEMAS:
        fill(schemas, schema, "numbered", PLAIN, numbered(1000))
    plain, pushed, account = both(database, "numbered", ComparisonPlan())
    assert (account["queries"], account["rows_fetched_a"], account["rows_fetched_b"]) == (2, 0, 0)
    assert account["bytes_fetched"] == 0
    assert pushed["summary"] == plain["summary"]
    assert pushed["summary"]["match_percentage"] == 100


def test_only_ranges_that_differ_are_fetched(
    schemas: oracledb.Connection, database: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bisect, "LEAF_ROWS", 1)  # one cut more than so few rows would get
    rows = numbered(2500)
    fill(schemas, "PUSH_A", "numbered", PLAIN, rows)
    rows[77] = (77, "changed", rows[77][2])
    rows[2000] = (2000, rows[2000][1], Decimal("0.01"))
    del rows[999]
    fill(schemas, "PUSH_B", "numbered", PLAIN, rows)
    rules = {"PRICE": ColumnRule(tolerance=Decimal(100_000))}
    for plan in (ComparisonPlan(), ComparisonPlan(rules=rules), ComparisonPlan(key=("NAME",))):
        plain, pushed, account = both(database, "numbered", plan)
        for part in ("summary", "columns", "schema", "samples"):
            assert pushed[part] == plain[part], plan
        assert not account["fetched_everything"]
        assert 0 < account["rows_fetched_a"] <= 20, account
        assert account["bytes_fetched"] < 5000
    assert plain["summary"]["only_a"] == 2  # by NAME the changed name is another row


def test_values_swapped_between_rows_are_seen(schemas: oracledb.Connection, database: Instance) -> None:
    rows = numbered(100)
    fill(schemas, "PUSH_A", "numbered", PLAIN, rows)
    rows[3], rows[4] = (3, rows[4][1], rows[3][2]), (4, rows[3][1], rows[4][2])
    fill(schemas, "PUSH_B", "numbered", PLAIN, rows)
    plain, pushed, account = both(database, "numbered", ComparisonPlan())
    assert pushed["summary"]["changed"] == plain["summary"]["changed"] == 2
    assert account["differing_columns"] == ["NAME"]


def test_where_much_differs_everything_is_fetched(
    schemas: oracledb.Connection, database: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bisect, "LEAF_ROWS", 1)
    rows = numbered(1500)
    fill(schemas, "PUSH_A", "numbered", PLAIN, rows)
    fill(schemas, "PUSH_B", "numbered", PLAIN, [(n, name, price + 1) for n, name, price in rows])
    plain, pushed, account = both(database, "numbered", ComparisonPlan())
    assert account["fetched_everything"]
    assert account["queries"] <= 6
    assert pushed["summary"] == plain["summary"]
    assert pushed["columns"] == plain["columns"]


def test_a_table_that_is_empty_on_one_side(schemas: oracledb.Connection, database: Instance) -> None:
    fill(schemas, "PUSH_A", "numbered", PLAIN, numbered(500))
    fill(schemas, "PUSH_B", "numbered", PLAIN, [])
    plain, pushed, _ = both(database, "numbered", ComparisonPlan())
    assert pushed["summary"] == plain["summary"]
    assert pushed["samples"] == plain["samples"]


def test_what_cannot_be_pushed_down_is_refused_with_the_reason(
    schemas: oracledb.Connection, database: Instance, tmp_path: Path
) -> None:
    with schemas.cursor() as cursor:
        cursor.execute("create table push_a.long_ (id number(9) primary key, text clob)")
    table = OracleTableSource(database.connect, "PUSH_A", "LONG_")
    with pytest.raises(BadPlan, match=r"TEXT is CLOB, and large objects are not hashed .* another engine"):
        PushdownComparison(table, table, ComparisonPlan(), tmp_path, 128)
    with pytest.raises(BadPlan, match=r"compares hashes, and every value was to be compared byte by byte"):
        PushdownComparison(table, table, ComparisonPlan(ignore=("TEXT",), paranoid=True), tmp_path, 128)
    PushdownComparison(table, table, ComparisonPlan(ignore=("TEXT",)), tmp_path, 128)


def test_a_cancel_stops_the_queries(schemas: oracledb.Connection, database: Instance, tmp_path: Path) -> None:
    fill(schemas, "PUSH_A", "numbered", PLAIN, numbered(500))
    fill(schemas, "PUSH_B", "numbered", PLAIN, numbered(499))
    heard: list[str] = []

    def progress(_: float, step: str) -> None:
        heard.append(step)
        if len(heard) == 2:
            raise InterruptedError

    sources = [OracleTableSource(database.connect, schema, "NUMBERED") for schema in SCHEMAS]
    with pytest.raises(InterruptedError):
        PushdownComparison(*sources, ComparisonPlan(), tmp_path, 128).run(progress)
    assert heard[0] == "adding up hashes of all rows"
    assert list(tmp_path.iterdir()) == []


def test_the_workflow_tells_what_the_push_down_took(
    schemas: oracledb.Connection, database: Instance, tmp_path: Path
) -> None:
    rows = numbered(300)
    fill(schemas, "PUSH_A", "numbered", PLAIN, rows)
    fill(schemas, "PUSH_B", "numbered", PLAIN, [*rows[:-1], (299, "other", rows[-1][2])])
    sources = [OracleTableSource(database.connect, schema, "NUMBERED") for schema in SCHEMAS]
    work, results = tmp_path / "work", tmp_path / "results"
    work.mkdir()
    wanted = workflow.Wanted(engine="pushdown")
    outcome = workflow.run(*sources, ComparisonPlan(), wanted, lambda *_: None, work, results, 128)
    (step,) = outcome.document["workflow"]["steps"]
    assert (step["engine"], step["why"]) == ("pushdown", "asked for")
    assert "standard_hash" in step["pushdown"]["statement_a"]
    assert outcome.document["summary"]["equal"] == 299
    assert outcome.document["columns"][0]["name"] == "NAME"
    assert [(file.name, file.rows) for file in outcome.files] == [("differences.parquet", 1)]
