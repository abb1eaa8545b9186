"""Tables of a database as sources: every type exactly, whatever the session's settings, and told as it is."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import oracledb
import pyarrow as pa
import pytest

from tests.conftest import Instance
from worker.engines import ColumnRule, ComparisonPlan, compare
from worker.engines.errors import SourceFailed, SourceInterrupted
from worker.engines.sources import oracle
from worker.engines.sources.memory import MemorySource
from worker.engines.sources.oracle import OracleTableSource
from worker.engines.sources.oracle_types import described, selection
from worker.engines.values import Kind, ValueType

SCHEMA = "ENGINE_TEST"

TYPES = """
create table {schema}.everything
  (id            number(9) not null
  ,whole18       number(18)
  ,dec9_6        number(9,6)
  ,dec38_10      number(38,10)
  ,bare          number
  ,hundreds      number(5,-2)
  ,tiny          number(2,5)
  ,approximate   float
  ,single        binary_float
  ,double_       binary_double
  ,text          varchar2(40 char)
  ,national      nvarchar2(40)
  ,padded        char(6 char)
  ,day           date
  ,stamp3        timestamp(3)
  ,stamp6        timestamp(6)
  ,stamp9        timestamp(9)
  ,zoned         timestamp(6) with time zone
  ,localized     timestamp(6) with local time zone
  ,bytes         raw(16)
  ,long_text     clob
  ,long_bytes    blob
  ,span_months   interval year(3) to month
  ,span_time     interval day(3) to second(6)
  ,constraint everything_pk primary key (id)
  )"""

NUMBERS = [
    "0",
    "-1",
    "0.5",
    "-0.5",
    "123456789012345678",
    "1e125",
    "-9.9e-130",
    "0.1",
    "9" * 38,
    "-" + "9" * 40,
]


@pytest.fixture(scope="module")
def owner(database: Instance) -> Iterator[oracledb.Connection]:
    """A connection of the DBA with the schema ENGINE_TEST, empty."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f'create user {SCHEMA} identified by "{secrets.token_hex(10)}"')
        cursor.execute(f"grant unlimited tablespace to {SCHEMA}")
        yield connection
        cursor.execute(f"drop user {SCHEMA} cascade")


@pytest.fixture
def table(owner: oracledb.Connection, database: Instance, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A function that makes a table from its column list and gives it as a source."""
    made: list[str] = []

    def make(
        columns: str, rows: Sequence[tuple[Any, ...]] = (), sizes: list[Any] | None = None
    ) -> OracleTableSource:
        name = f"T{len(made)}_{secrets.token_hex(3)}".upper()
        with owner.cursor() as cursor:
            cursor.execute(f"create table {SCHEMA}.{name} ({columns})")
            made.append(name)
            if rows:
                if sizes:
                    cursor.setinputsizes(*sizes)
                places = ", ".join(f":{n + 1}" for n in range(len(rows[0])))
                cursor.executemany(f"insert into {SCHEMA}.{name} values ({places})", list(rows))
                owner.commit()
        return OracleTableSource(database.connect, SCHEMA, name)

    yield make
    with owner.cursor() as cursor:
        for name in made:
            cursor.execute(f"drop table {SCHEMA}.{name}")


def read(source: OracleTableSource, column: str) -> list[Any]:
    return [v for batch in source.batches([column]) for v in batch.column(0).to_pylist()]


def different(a: Any, b: Any, tmp_path: Path, **plan: Any) -> list[str | None]:
    result = compare(
        a, b, ComparisonPlan(key=("ID",), sample_limit=1000, **plan), lambda *_: None, tmp_path, 128
    )
    assert result.summary.matched == result.summary.rows_a == result.summary.rows_b
    return [sample["key"]["ID"] for sample in result.samples["changed"]]


def test_every_type_is_described(owner: oracledb.Connection, database: Instance) -> None:
    with owner.cursor() as cursor:
        cursor.execute(TYPES.format(schema=SCHEMA))
        source = OracleTableSource(database.connect, SCHEMA, "EVERYTHING")
        found = {
            c.name: (c.oracle_type, c.value_type.kind if c.value_type else None) for c in source.schema()
        }
        cursor.execute(f"drop table {SCHEMA}.everything")
    assert found == {
        "ID": ("NUMBER(9)", Kind.INTEGER),
        "WHOLE18": ("NUMBER(18)", Kind.INTEGER),
        "DEC9_6": ("NUMBER(9,6)", Kind.DECIMAL),
        "DEC38_10": ("NUMBER(38,10)", Kind.DECIMAL),
        "BARE": ("NUMBER", Kind.NUMBER),
        "HUNDREDS": ("NUMBER(5,-2)", Kind.NUMBER),
        "TINY": ("NUMBER(2,5)", Kind.NUMBER),
        "APPROXIMATE": ("FLOAT(126)", Kind.NUMBER),
        "SINGLE": ("BINARY_FLOAT", Kind.DOUBLE),
        "DOUBLE_": ("BINARY_DOUBLE", Kind.DOUBLE),
        "TEXT": ("VARCHAR2(40 CHAR)", Kind.TEXT),
        "NATIONAL": ("NVARCHAR2(40)", Kind.TEXT),
        "PADDED": ("CHAR(6 CHAR)", Kind.TEXT),
        "DAY": ("DATE", Kind.TIMESTAMP),
        "STAMP3": ("TIMESTAMP(3)", Kind.TIMESTAMP),
        "STAMP6": ("TIMESTAMP(6)", Kind.TIMESTAMP),
        "STAMP9": ("TIMESTAMP(9)", Kind.TIMESTAMP_NS),
        "ZONED": ("TIMESTAMP(6) WITH TIME ZONE", Kind.TIMESTAMP),
        "LOCALIZED": ("TIMESTAMP(6) WITH LOCAL TIME ZONE", Kind.TIMESTAMP),
        "BYTES": ("RAW(16)", Kind.BINARY),
        "LONG_TEXT": ("CLOB", Kind.LONG_TEXT),
        "LONG_BYTES": ("BLOB", Kind.LONG_BINARY),
        "SPAN_MONTHS": ("INTERVAL YEAR(3) TO MONTH", Kind.INTERVAL_MONTHS),
        "SPAN_TIME": ("INTERVAL DAY(3) TO SECOND(6)", Kind.INTERVAL_NANOSECONDS),
    }


def test_numbers_that_no_fixed_decimal_holds_are_read_as_text() -> None:
    for precision, scale in ((None, None), (None, 0), (5, -2), (2, 5), (38, 40)):
        chosen = selection("NUMBER", precision, scale)
        assert chosen.value_type == ValueType(Kind.NUMBER)
        assert chosen.expression == "to_char({0}, 'TM9')"
    assert described("NUMBER", None, 0, 22, "BYTE") == "NUMBER(*,0)"


def test_the_primary_key_and_the_number_of_rows_are_known(table: Any) -> None:
    source = table(
        "id number(9) primary key, code varchar2(3) not null unique, maybe varchar2(3) unique",
        [(1, "a", None)],
    )
    keys = source.declared_keys()
    assert [(k.origin.split()[0], k.columns) for k in keys] == [("primary", ("ID",)), ("unique", ("CODE",))]
    assert source.estimated_rows() == 1


def test_bare_numbers_keep_every_digit(table: Any, tmp_path: Path) -> None:
    rows = [(n, Decimal(text)) for n, text in enumerate(NUMBERS)]
    sizes = [oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_NUMBER]
    a = table("id number(9), v number", rows, sizes)
    assert [Decimal(text) for text in read(a, "V")] == [Decimal(text) for text in NUMBERS]
    b = MemorySource(
        "M",
        pa.table({"ID": list(range(len(NUMBERS))), "V": pa.array([*NUMBERS[:-1], "-" + "9" * 39 + "8"])}),
        types={"V": ValueType(Kind.NUMBER)},
    )
    assert different(a, b, tmp_path) == [str(len(NUMBERS) - 1)]


def test_numbers_of_any_declaration_compare_by_value(table: Any, tmp_path: Path) -> None:
    values = ["1", "-1", "0", "99", "12"]
    rows = [(n, Decimal(text)) for n, text in enumerate(values)]
    sizes = [oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_NUMBER]
    declarations = (
        "number",
        "number(5)",
        "number(18)",
        "number(9,6)",
        "number(38,10)",
        "number(*,0)",
        "float",
        "number(19)",
    )
    tables = [table(f"id number(9), v {declaration}", rows, sizes) for declaration in declarations]
    for other in tables[1:]:
        assert different(tables[0], other, tmp_path) == []
        assert different(other, tables[1], tmp_path) == []


def test_a_decimal_comma_of_the_database_does_not_reach_the_values(
    table: Any, owner: oracledb.Connection, database: Instance
) -> None:
    source = table("id number(9), v number", [(1, Decimal("1.5"))], [oracledb.DB_TYPE_NUMBER] * 2)

    def german() -> oracledb.Connection:
        connection = database.connect()
        with connection.cursor() as cursor:
            cursor.execute("alter session set nls_numeric_characters = ',.'")
        return connection

    assert read(OracleTableSource(german, SCHEMA, source.name.split(".")[1]), "V") == ["1.5"]


def test_doubles_come_with_nan_and_infinity(table: Any, tmp_path: Path) -> None:
    values = [0.1, float("nan"), float("inf"), -0.0, None]
    sizes = [oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_BINARY_DOUBLE]
    a = table("id number(9), v binary_double", list(enumerate(values)), sizes)
    b = table(
        "id number(9), v binary_double", list(enumerate([0.1, float("nan"), float("-inf"), 0.0, None])), sizes
    )
    assert different(a, b, tmp_path) == ["2"]


def test_padding_is_no_difference_and_text_is_unicode(table: Any, tmp_path: Path) -> None:
    texts = ["a", "äöü", "日本", "a  b", None]
    a = table("id number(9), v char(6 char)", list(enumerate(texts)))
    b = table("id number(9), v varchar2(10 char)", list(enumerate(texts)))
    c = table("id number(9), v nvarchar2(10)", list(enumerate(texts)))
    assert different(a, b, tmp_path) == []
    assert different(b, c, tmp_path) == []


def test_dates_and_timestamps_compare_as_instants(table: Any, tmp_path: Path) -> None:
    noon = datetime(2026, 9, 5, 12, 30, 15)  # noqa: DTZ001
    fine = noon.replace(microsecond=123_456)
    number, stamp = oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_TIMESTAMP
    rows = [(0, noon), (1, fine), (2, datetime(1, 1, 1)), (3, datetime(9999, 12, 31)), (4, None)]  # noqa: DTZ001
    a = table("id number(9), v timestamp(6)", rows, [number, stamp])
    b = table("id number(9), v date", rows, [number, stamp])
    c = table("id number(9), v timestamp(9)", rows, [number, stamp])
    assert read(a, "V") == [v for _, v in rows]
    assert different(a, b, tmp_path) == ["1"]
    assert different(a, c, tmp_path) == []


def test_nanoseconds_that_the_driver_would_drop_are_seen(
    table: Any, owner: oracledb.Connection, tmp_path: Path
) -> None:
    sources = []
    for digit in (8, 9):
        source = table("id number(9), v timestamp(9)")
        with owner.cursor() as cursor:
            try:
                cursor.execute(
                    f"insert into {source.name} values"
                    f" (1, to_timestamp('2026-09-05 12:00:00.12345678{digit}', 'YYYY-MM-DD HH24:MI:SS.FF9'))"
                )
            except oracledb.DatabaseError as error:
                if "not supported by the local database" not in str(error):
                    raise
                pytest.skip("this database keeps no nanoseconds")
            owner.commit()
        sources.append(source)
    assert different(*sources, tmp_path) == ["1"]


def test_instants_with_a_zone_compare_in_utc(table: Any, owner: oracledb.Connection, tmp_path: Path) -> None:
    sources = []
    for text in ("2026-09-05 12:00:00 +02:00", "2026-09-05 06:00:00 -04:00"):
        source = table("id number(9), v timestamp(6) with time zone")
        with owner.cursor() as cursor:
            cursor.execute(
                f"insert into {source.name} values (1, to_timestamp_tz(:t, 'YYYY-MM-DD HH24:MI:SS TZH:TZM'))",
                t=text,
            )
            owner.commit()
        sources.append(source)
    assert different(*sources, tmp_path) == []
    assert read(sources[0], "V") == [datetime(2026, 9, 5, 10, tzinfo=UTC).replace(tzinfo=None)]


def test_raw_and_large_objects_compare_by_content(table: Any, tmp_path: Path) -> None:
    long = "é日" * 50_000
    number, raw, clob, blob = (
        oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_RAW, oracledb.DB_TYPE_CLOB, oracledb.DB_TYPE_BLOB,
    )  # fmt: skip
    columns = "id number(9), r raw(16), c clob, b blob"
    rows = [
        (1, b"\x00\xff", long, b"\x00" * 100_000),
        (2, None, None, None),
        (3, b"a", "c", b"b"),
        (4, b"a", "c", b"b"),
    ]
    other = [rows[0], rows[1], (3, b"a", "C", b"b"), (4, b"a", "c", b"bb")]
    sizes = [number, raw, clob, blob]
    a, b = table(columns, rows, sizes), table(columns, other, sizes)
    assert different(a, a, tmp_path) == []
    assert different(a, b, tmp_path) == ["3", "4"]


def test_intervals_compare_by_length(table: Any, tmp_path: Path) -> None:
    columns = "id number(9), v interval day(3) to second(6)"
    sizes = [oracledb.DB_TYPE_NUMBER, oracledb.DB_TYPE_INTERVAL_DS]
    a = table(columns, [(1, timedelta(days=1, seconds=5)), (2, timedelta(hours=-30, microseconds=-7))], sizes)
    b = table(columns, [(1, timedelta(days=1, seconds=5)), (2, timedelta(hours=-30, microseconds=-8))], sizes)
    assert different(a, b, tmp_path) == ["2"]


def test_names_in_any_case_and_script(
    table: Any, owner: oracledb.Connection, database: Instance, tmp_path: Path
) -> None:
    source = table('id number(9), "straße 1" varchar2(9), "select" number(3)', [(1, "x", 2)])
    assert [c.name for c in source.schema()] == ["ID", "straße 1", "select"]
    assert different(source, source, tmp_path, rules={"SELECT": ColumnRule(tolerance=Decimal(1))}) == []


def test_many_batches(table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "BATCH_ROWS", 100)
    rows = [(n, f"row {n}" if n % 7 else None) for n in range(1050)]
    a = table("id number(9), v varchar2(20)", rows)
    b = table("id number(9), v varchar2(20)", [*rows[:500], (500, "changed"), *rows[:500:-1]])
    assert sum(batch.num_rows for batch in a.batches(["V"])) == 1050
    assert different(a, b, tmp_path) == ["500"]


def test_an_empty_table_is_a_table(table: Any, tmp_path: Path) -> None:
    a = table("id number(9), v number, d date, c clob")
    assert different(a, a, tmp_path) == []


def test_a_table_that_is_not_there_is_said(database: Instance) -> None:
    source = OracleTableSource(database.connect, SCHEMA, "NOWHERE")
    with pytest.raises(
        SourceFailed, match=r"ENGINE_TEST.NOWHERE does not exist, or Concord may not read it\."
    ):
        source.schema()


def test_a_table_dropped_before_it_is_read_is_said(
    table: Any, owner: oracledb.Connection, database: Instance
) -> None:
    with owner.cursor() as cursor:
        cursor.execute(f"create table {SCHEMA}.short_lived (id number(9))")
        source = OracleTableSource(database.connect, SCHEMA, "SHORT_LIVED")
        source.schema()
        cursor.execute(f"drop table {SCHEMA}.short_lived")
    with pytest.raises(SourceFailed, match="does not exist"):
        list(source.batches(["ID"]))


def test_a_database_that_does_not_answer_is_worth_a_retry() -> None:
    def connect() -> oracledb.Connection:
        return oracledb.connect(user="u", password="p", dsn="127.0.0.1:1/NOWHERE", tcp_connect_timeout=2)

    with pytest.raises(SourceInterrupted) as caught:
        OracleTableSource(connect, SCHEMA, "T").schema()
    assert caught.value.retryable
    assert "DPY" not in caught.value.sentence
