"""Finding a key: the sets it names are unique and minimal, it names all of them, and says why."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import oracledb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.oracle.keys import PRIMARY_KEY
from tests.conftest import Instance
from tests.engines.nycflights import flights
from worker.engines import workflow
from worker.engines.errors import BadPlan, SourceFailed
from worker.engines.keyfinding import Findings, find_keys
from worker.engines.keyfinding.database import DatabaseTable
from worker.engines.keyfinding.find import _candidates
from worker.engines.keyfinding.loaded import LoadedTable
from worker.engines.keyfinding.search import Repeats, Search
from worker.engines.plan import ColumnRule, ComparisonPlan
from worker.engines.sources.base import DeclaredKey, Source
from worker.engines.sources.memory import MemorySource
from worker.engines.sources.oracle import OracleTableSource

Rows = list[tuple[Any, ...]]
SCHEMA = "KEY_TEST"


def found(a: Source, b: Source, **options: Any) -> Findings:
    with TemporaryDirectory() as folder:
        return find_keys(a, b, lambda *_: None, Path(folder), 256, **options)


def table(name: str, rows: Rows, kinds: str) -> MemorySource:
    """A source with the columns C0, C1, ... of the kinds i(nteger), t(ext) and d(ouble)."""
    types = {"i": pa.int64(), "t": pa.string(), "d": pa.float64()}
    columns = [pa.array([row[n] for row in rows], types[kind]) for n, kind in enumerate(kinds)]
    return MemorySource(name, pa.table(columns, [f"C{n}" for n in range(len(kinds))]))


def repeated(rows: Rows, columns: tuple[int, ...]) -> dict[tuple[Any, ...], int]:
    """Values that occur more than once: '' is NULL, NULL equals NULL, NaN equals NaN, -0 equals 0."""

    def plain(value: Any) -> Any:
        if value == "":
            return None
        if isinstance(value, float):
            return "NaN" if value != value else value + 0.0
        return value

    counts = Counter(tuple(plain(row[n]) for n in columns) for row in rows)
    return {values: count for values, count in counts.items() if count > 1}


def minimal_keys(a: Rows, b: Rows, width: int, columns: int) -> set[tuple[int, ...]]:
    keys: set[tuple[int, ...]] = set()
    for size in range(1, width + 1):
        for chosen in combinations(range(columns), size):
            if any(set(key) <= set(chosen) for key in keys):
                continue
            if not repeated(a, chosen) and not repeated(b, chosen):
                keys.add(chosen)
    return keys


VALUES = {
    "i": st.none() | st.integers(0, 4),
    "t": st.sampled_from([None, "", "a", "b", "a ", "11", "1"]),
    "d": st.sampled_from([None, 0.0, -0.0, float("nan"), 1.0, 1.5]),
}


@st.composite
def two_tables(draw: st.DrawFn) -> tuple[str, Rows, Rows]:
    kinds = draw(st.text("itd", min_size=1, max_size=6))
    row = st.tuples(*(VALUES[kind] for kind in kinds))
    a = draw(st.lists(row, max_size=12))
    b = draw(st.lists(st.sampled_from(a) if a else row, max_size=6)) + draw(st.lists(row, max_size=4))
    return kinds, a, b


@given(two_tables(), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_exactly_the_minimal_unique_sets_are_found(tables: tuple[str, Rows, Rows], width: int) -> None:
    kinds, a, b = tables
    findings = found(table("A", a, kinds), table("B", b, kinds), width=width, enough=None, max_checks=None)
    names = {tuple(sorted(int(name[1:]) for name in key.columns)) for key in findings.keys}
    assert names == minimal_keys(a, b, width, len(kinds))
    assert findings.exhausted
    for near in findings.near_keys:
        chosen = tuple(int(name[1:]) for name in near.columns)
        for rows, side in ((a, near.repeated_a), (b, near.repeated_b)):
            assert sorted(count for _, count in side) == sorted(repeated(rows, chosen).values())


def test_the_best_key_is_named_first_with_its_reasons() -> None:
    n = 1000
    columns = {
        "amount": pa.array(np.arange(n) + 0.5),
        "note": pa.array([f"a long remark on the article with the number {i:09}" for i in range(n)]),
        "code": pa.array([None, *(f"X{i}" for i in range(1, n))]),
        "id": pa.array(np.arange(n)),
        "day": pa.array(np.arange(n) % 10),
    }
    source = MemorySource("A", pa.table(columns))
    keys = found(source, source, enough=None).keys
    assert [key.columns for key in keys] == [("id",), ("amount",), ("note",), ("code",)]
    assert keys[0].reasons == (
        "unique in A and in B",
        "no NULLs",
        "100 % of the smaller side's values are on the other side",
        "one column",
    )
    assert "amount has fractional numbers, as a measure has" in keys[1].reasons
    assert "note is free text" in keys[2].reasons
    assert "code has 2 NULLs" in keys[3].reasons


def test_a_set_whose_values_the_sides_share_goes_before_one_whose_values_they_do_not() -> None:
    n = 500
    a = MemorySource("A", pa.table({"loaded": pa.array(np.arange(n)), "place": pa.array(np.arange(n))}))
    b = MemorySource("B", pa.table({"loaded": pa.array(np.arange(n) + n), "place": pa.array(np.arange(n))}))
    assert [key.columns for key in found(a, b).keys] == [("place",), ("loaded",)]


def test_a_column_that_would_be_the_key_but_for_a_few_rows_is_named_with_them() -> None:
    a = table("A", [(i, i % 7) for i in range(500)], "ii")
    b = table("B", [*((i, i % 7) for i in range(500)), (3, 3)], "ii")
    findings = found(a, b)
    assert findings.keys == ()
    assert [near.columns for near in findings.near_keys] == [("C0",), ("C0", "C1")]
    assert findings.near_keys[0].repeated_b == ((("3",), 2),)
    with pytest.raises(BadPlan, match=r"C0 would be a key but for 1 repeated .*B, C0 = 3 has 2 rows"):
        findings.chosen()


def test_a_doubtful_key_is_not_taken_where_a_good_column_fails_by_a_few_rows() -> None:
    rows = [(i, i + 0.5) for i in range(500)]
    findings = found(table("A", rows, "id"), table("B", [*rows, (3, -1.0)], "id"))
    assert [key.columns for key in findings.keys] == [("C1",)]
    with pytest.raises(BadPlan, match=r"C0 would be a key .*doubtful use, such as C1"):
        findings.chosen()


def test_the_search_says_when_it_gives_up() -> None:
    rng = np.random.default_rng(1)
    columns = {f"c{n}": pa.array(rng.integers(0, 3, 2000)) for n in range(12)}
    source = MemorySource("A", pa.table(columns))
    findings = found(source, source, max_checks=4)
    assert (findings.checks, findings.exhausted, findings.keys) == (4, False, ())
    with pytest.raises(BadPlan, match="The search ended after 4 checks"):
        findings.chosen()


def test_four_hundred_columns_without_a_key_are_decided() -> None:
    rng = np.random.default_rng(1)
    same = {f"c{n}": pa.array(rng.integers(0, 2, 40)) for n in range(400)}
    doubled = pa.concat_tables([pa.table(same)] * 2)
    findings = found(MemorySource("A", doubled), MemorySource("B", doubled), width=2)
    assert (findings.keys, findings.exhausted) == ((), True)


def test_the_queue_of_a_wide_table_without_a_key_is_bounded_and_said_to_be() -> None:
    rng = np.random.default_rng(1)
    rows = rng.integers(0, 3, (400, 12))
    asked: list[tuple[int, ...]] = []

    def check(chosen: tuple[int, ...]) -> Repeats:
        asked.append(chosen)
        seen: dict[tuple[int, ...], Any] = {}
        masks = set()
        for row in rows:
            other = seen.setdefault(tuple(row[list(chosen)]), row)
            if other is not row:
                masks.add(sum(1 << int(n) for n in np.flatnonzero(other != row)))
        return Repeats(tuple(masks), complete=False)

    def search(max_sets: int) -> tuple[set[tuple[int, ...]], bool]:
        one = Search([1.0] * 12, check, 9, max_sets=max_sets)
        return set(one), one.exhausted

    everything, exhausted = search(1_000_000)
    assert exhausted
    assert everything
    for limit in (0, 30, 300, 1000):
        found_, exhausted = search(limit)
        assert not exhausted
        assert found_ <= everything  # what is named is a key, and minimal


def test_tables_with_next_to_no_rows_are_said_to_prove_nothing() -> None:
    findings = found(table("A", [], "i"), table("B", [(1,)], "i"))
    assert findings.keys[0].reasons[2:4] == (
        "A has no rows, so that says little",
        "B has one row, so that says little",
    )


def test_a_cancel_does_not_wait_for_a_check_under_way(tmp_path: Path, monkeypatch: Any) -> None:
    asked, ended = threading.Event(), threading.Event()

    def repeated(*_: Any) -> None:
        asked.set()
        assert ended.wait(20)

    monkeypatch.setattr(LoadedTable, "repeated", repeated)
    monkeypatch.setattr(LoadedTable, "interrupt", lambda _: ended.set())

    def progress(*_: Any) -> None:
        if asked.is_set():
            raise InterruptedError

    source = table("A", [(1,)], "i")
    with pytest.raises(InterruptedError):
        find_keys(source, source, progress, tmp_path, 256)
    assert ended.is_set()
    assert list(tmp_path.iterdir()) == []


# In a comparison


def compared(a: Source, b: Source, tmp_path: Path, **plan: Any) -> dict[str, Any]:
    wanted = workflow.Wanted(export=False)
    outcome = workflow.run(a, b, ComparisonPlan(**plan), wanted, lambda *_: None, tmp_path, None, 256)
    return outcome.document


def test_a_comparison_without_a_key_finds_one_and_says_so(tmp_path: Path) -> None:
    a = table("A", [(i, i % 7) for i in range(500)], "ii")
    b = table("B", [(i, i % 6) for i in range(10, 500)], "ii")
    document = compared(a, b, tmp_path)
    assert document["schema"]["key"] == ["C0"]
    assert document["schema"]["key_origin"] == "found in the data"
    assert document["schema"]["key_finding"]["keys"][0]["reasons"][0] == "unique in A and in B"
    assert [step["name"] for step in document["workflow"]["steps"]] == ["find key", "compare"]
    assert (document["summary"]["matched"], document["summary"]["only_a"]) == (490, 10)


def test_a_declared_key_needs_no_search(tmp_path: Path) -> None:
    rows = pa.table({"C0": [1, 2], "C1": [2, 2]})
    declared = [DeclaredKey(PRIMARY_KEY, ("C0",))]
    a, b = MemorySource("A", rows, keys=declared), MemorySource("B", rows)
    document = compared(a, b, tmp_path)
    assert document["schema"]["key_origin"] == PRIMARY_KEY
    assert "key_finding" not in document["schema"]


def test_a_column_that_is_ignored_or_has_a_rule_is_no_key(tmp_path: Path) -> None:
    a = table("A", [(i, i, i, 0) for i in range(9)], "iiii")
    rule = {"C1": ColumnRule()}
    assert compared(a, a, tmp_path, ignore=("C0",), rules=rule)["schema"]["key"] == ["C2"]


def test_a_wide_table_needs_no_more_memory_than_its_limit(tmp_path: Path) -> None:
    """DuckDB holds a growing row group whole, here 80 MB unless it is told to take smaller ones."""
    few = pa.array(np.arange(50_000) % 7)
    table = pa.table({f"V{n}": few for n in range(200)} | {"ID": pa.array(np.arange(50_000))})
    sides = [MemorySource(name, table, batch_rows=10_000) for name in "AB"]
    found = find_keys(*sides, lambda *_: None, tmp_path, 64, width=1)
    assert found.keys[0].columns == ("ID",)
    assert list(tmp_path.iterdir()) == []


def test_progress_rises_through_search_and_comparison_and_may_cancel(tmp_path: Path) -> None:
    a = table("A", [(i, i % 7) for i in range(500)], "ii")
    heard: list[float] = []

    def run(stop_at: int) -> None:
        def progress(fraction: float, step: str) -> None:
            heard.append(fraction)
            if len(heard) == stop_at:
                raise InterruptedError

        workflow.run(a, a, ComparisonPlan(), workflow.Wanted(), progress, tmp_path, None, 256)

    run(0)
    steps = len(heard)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    for stop_at in range(1, steps):
        heard.clear()
        with pytest.raises(InterruptedError):
            run(stop_at)
        assert list(tmp_path.iterdir()) == []


def test_the_true_key_of_the_flights_is_named() -> None:
    a = flights()
    rng = np.random.default_rng(2013)
    kept = np.sort(rng.permutation(a.num_rows)[:-700])
    b = a.take(pa.array(rng.permutation(kept)))
    delayed = np.where(rng.random(b.num_rows) < 0.02, 5, 0)
    place = b.column_names.index("dep_time")
    b = b.set_column(place, "dep_time", pa.array(np.add(b.column(place).fill_null(0).to_numpy(), delayed)))
    findings = found(MemorySource("before", a), MemorySource("after", b))
    assert findings.chosen().columns == ("carrier", "flight", "time_hour")


# In a database


@pytest.fixture(scope="module")
def owner(database: Instance) -> Iterator[oracledb.Connection]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f'create user {SCHEMA} identified by "{secrets.token_hex(10)}"')
        cursor.execute(f"grant unlimited tablespace to {SCHEMA}")
        columns = (
            'c0 number(9), c1 varchar2(9), c2 date, "c 3" timestamp(6) with time zone, c4 number, c5 clob'
        )
        for name in ("A", "B"):
            cursor.execute(f"create table {SCHEMA}.{name} ({columns})")
        cursor.execute(
            f"create view {SCHEMA}.v as select c0, c1, max(c2) as c2 from {SCHEMA}.a group by c0, c1"
        )
        yield connection
        cursor.execute(f"drop user {SCHEMA} cascade")


def fill(connection: oracledb.Connection, name: str, rows: Rows) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"delete from {SCHEMA}.{name}")
        sql = (
            f"insert into {SCHEMA}.{name} values (:1, :2, date '2020-01-01' + :3,"
            " to_timestamp_tz(:4, 'YYYY-MM-DD HH24:MI TZH:TZM'), :5, 'x')"
        )
        if rows:
            cursor.executemany(sql, rows)
        connection.commit()


class Unread(OracleTableSource):
    """A table whose rows must not be fetched."""

    def rows_where(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("rows were read")


ZONED = ["2020-01-01 12:00 +00:00", "2020-01-01 13:00 +01:00", "2020-01-01 13:00 +00:00"]  # two instants
database_row = st.tuples(
    st.none() | st.integers(0, 3),
    st.sampled_from([None, "a", "b", "A"]),
    st.integers(0, 2),
    st.sampled_from(ZONED),
    st.sampled_from([None, 0.5, 1, 100]),
)


@given(a=st.lists(database_row, max_size=8), b=st.lists(database_row, max_size=8))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tables_of_a_database_are_checked_where_they_are(
    owner: oracledb.Connection, database: Instance, a: Rows, b: Rows
) -> None:
    fill(owner, "A", a)
    fill(owner, "B", b)
    sources = [Unread(database.connect, SCHEMA, name) for name in ("A", "B")]
    findings = found(*sources, enough=None, max_checks=None)
    positions = {"C0": 0, "C1": 1, "C2": 2, "c 3": 3, "C4": 4}
    names = {tuple(sorted(positions[name] for name in key.columns)) for key in findings.keys}
    same_a, same_b = ([zoned(row) for row in rows] for rows in (a, b))
    assert names == minimal_keys(same_a, same_b, 3, 5)


def zoned(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Texts with a zone as the instants that they are."""
    return (*row[:3], ZONED[0] if row[3] == ZONED[1] else row[3], row[4])


def test_a_view_that_groups_has_no_rowids_and_is_read(owner: oracledb.Connection, database: Instance) -> None:
    fill(owner, "A", [(1, "a", 0, ZONED[0], 1), (1, "b", 0, ZONED[0], 2), (2, "a", 1, ZONED[0], 3)])
    view = OracleTableSource(database.connect, SCHEMA, "V")
    keys = found(view, view, enough=None).keys
    assert [key.columns for key in keys] == [("C0", "C1"), ("C1", "C2")]


def test_the_repeated_values_of_a_table_are_shown(owner: oracledb.Connection, database: Instance) -> None:
    rows = [(i, "a", 0, ZONED[0], 1) for i in range(300)]
    fill(owner, "A", rows)
    fill(owner, "B", [*rows, (7, "b", 0, ZONED[0], 1)])
    sources = [Unread(database.connect, SCHEMA, name) for name in ("A", "B")]
    findings = found(*sources)
    assert findings.near_keys[0].columns == ("C0",)
    assert findings.near_keys[0].repeated_b == ((("7",), 2),)
    assert findings.keys[0].columns == ("C0", "C1")
    assert findings.keys[0].overlap == 1.0


def test_a_number_against_a_binary_double_is_unique_only_if_it_is_so_as_a_double(
    owner: oracledb.Connection, database: Instance
) -> None:
    with owner.cursor() as cursor:
        cursor.execute(f"create table {SCHEMA}.exact (n number(19), x number(9))")
        cursor.execute(f"create table {SCHEMA}.binary (n binary_double, x number(9))")
        large = 2**60
        cursor.executemany(f"insert into {SCHEMA}.exact values (:1, :2)", [(large, 1), (large + 1, 2)])
        cursor.executemany(f"insert into {SCHEMA}.binary values (:1, :2)", [(1.5, 1), (2.5, 2)])
        owner.commit()
    sources = [OracleTableSource(database.connect, SCHEMA, name) for name in ("EXACT", "BINARY")]
    assert [key.columns for key in found(*sources, enough=None).keys] == [("X",)]


def test_the_padding_of_char_is_no_free_text(owner: oracledb.Connection, database: Instance) -> None:
    with owner.cursor() as cursor:
        cursor.execute(f"create table {SCHEMA}.padded (code char(40), remark varchar2(60))")
        rows = [(f"C{n}", f"a remark that is long enough for free text, {n}") for n in range(9)]
        cursor.executemany(f"insert into {SCHEMA}.padded values (:1, :2)", rows)
        owner.commit()
    source = OracleTableSource(database.connect, SCHEMA, "PADDED")
    keys = {key.columns: key.reasons for key in found(source, source, enough=None).keys}
    assert "CODE is free text" not in keys["CODE",]
    assert "REMARK is free text" in keys["REMARK",]


def test_a_statement_of_the_database_can_be_broken_off(
    owner: oracledb.Connection, database: Instance
) -> None:
    fill(owner, "A", [(i, "a", 0, ZONED[0], 1) for i in range(300)])
    source = OracleTableSource(database.connect, SCHEMA, "A")
    asked = DatabaseTable(source, 0, _candidates(source, source, ()))
    asked.interrupt()  # nothing is asked: nothing happens
    slow = ", ".join(f"{SCHEMA}.a t{n}" for n in range(6))
    with ThreadPoolExecutor() as pool:
        future = pool.submit(asked._ask, f"select count(*) from {slow}")
        while asked._asking is None:
            assert not future.done()
        while not future.done():  # the statement may not have reached the database yet
            asked.interrupt()
            wait([future], timeout=0.2)
        with pytest.raises(SourceFailed):
            future.result()
