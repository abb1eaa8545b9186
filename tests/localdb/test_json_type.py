"""The type JSON, as 23ai has it: values in and out as the driver sends them, SQL over them."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import oracledb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.localdb.errors import OracleError
from app.localdb.wire.oson import from_json, to_json
from tests.conftest import Instance
from tests.localdb.conftest import code

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**37), 10**37)
    | st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20)
    | st.text(st.characters(exclude_characters="\0\1", exclude_categories=["Cs"]), max_size=30)
    | st.binary(max_size=40)
    | st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31))  # noqa: DTZ001
    | st.timedeltas(dt.timedelta(days=-9999), dt.timedelta(days=9999))
)
_NAMES = st.text(st.characters(exclude_characters="\0\1", exclude_categories=["Cs"]), min_size=1, max_size=12)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(_NAMES, inner, max_size=8),
    max_leaves=15,
)


@pytest.fixture(scope="module")
def connection(instance_23ai: Instance) -> Iterator[oracledb.Connection]:
    connection = instance_23ai.connect()
    cursor = connection.cursor()
    cursor.execute("create user json_test identified by tiger")
    cursor.execute("alter session set current_schema = json_test")
    cursor.execute("create table t (id number, j json)")
    cursor.execute('insert into t values (1, \'{"name": "Ann", "tags": ["a", "b"], "n": 1.50}\')')
    cursor.execute('insert into t values (2, \'[1, {"name": "Bob"}]\')')
    cursor.execute("insert into t values (3, null)")
    connection.commit()
    yield connection
    connection.rollback()
    cursor.execute("alter session set current_schema = system")
    cursor.execute("drop user json_test cascade")
    connection.close()


@given(_VALUES)
@example({f"k{number}": number for number in range(700)})
@example({f"{number}" + "x" * 254: number for number in range(300)})
@example([{"short": 1, "long" + "y" * 300: ["z" * 70_000, "z" * 300, b"b" * 70_000]}])
@example([[]] * 700)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_oson_is_the_drivers(connection: oracledb.Connection, value: Any) -> None:
    text = to_json(connection.encode_oson(value))
    assert connection.decode_oson(from_json(text)) == value


@given(st.binary(max_size=80), st.integers(0, 200), st.integers(0, 255))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_that_are_no_oson(
    connection: oracledb.Connection, noise: bytes, place: int, changed: int
) -> None:
    """Noise, and good OSON with one byte changed: an error of one kind, or some value."""
    good = bytearray(connection.encode_oson({"a": [1, "x", {"b": None}], "c": dt.timedelta(1)}))
    good[place % len(good)] = changed
    for raw in (noise, b"\xff\x4a\x5a" + noise, bytes(good)):
        with contextlib.suppress(OracleError):  # anything else would end the connection
            to_json(raw)


@given(st.lists(_VALUES, min_size=1, max_size=5))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_stored_comes_back(connection: oracledb.Connection, values: list[Any]) -> None:
    cursor = connection.cursor()
    returned = cursor.var(oracledb.DB_TYPE_JSON, arraysize=len(values))
    cursor.setinputsizes(None, oracledb.DB_TYPE_JSON, returned)
    cursor.executemany("insert into t values (:1, :2) returning j into :3", list(enumerate(values)))
    assert returned.values == [[value] for value in values]
    assert cursor.execute("select j from t where id >= 0 order by rowid desc").fetchmany(len(values)) == [
        (value,) for value in reversed(values)
    ]
    connection.rollback()


SHOWN: list[tuple[str, object]] = [
    ("select j from t where id = 1", {"name": "Ann", "tags": ["a", "b"], "n": Decimal("1.5")}),
    ("select t.j.name from t where id = 1", "Ann"),
    ('select t.j."tags" from t where id = 1', ["a", "b"]),
    ("select x.j.name from t x where id = 2", "Bob"),
    ("select t.j.NAME from t where id = 1", None),
    ("select json_value(j, '$.name') from t where id = 1", "Ann"),
    ("select json_query(j, '$.tags') from t where id = 1", ["a", "b"]),
    ("select json_query(j, '$.tags' returning varchar2(20)) from t where id = 1", '["a","b"]'),
    ("select count(*) from t where json_exists(j, '$.tags')", 1),
    ("select count(*) from t where j is json", 2),
    ("select json_serialize(j) from t where id = 2", '[1,{"name":"Bob"}]'),
    (
        "select x.tag from t, json_table(j, '$.tags[1]' columns (tag varchar2(5) path '$')) x where id = 1",
        "b",
    ),
    ("select json_object('doc' value j) from t where id = 2", '{"doc":[1,{"name":"Bob"}]}'),
    ("select json('{\"a\": [true]}') from dual", {"a": [True]}),
    ("select json_scalar(date '2024-02-29') from dual", dt.datetime(2024, 2, 29)),  # noqa: DTZ001
    ("select json_scalar(12.5) from dual", Decimal("12.5")),
    ("select json_serialize(json_scalar(date '2024-02-29')) from dual", '"2024-02-29T00:00:00"'),
    ("select json_serialize(json_scalar(hextoraw('0aff'))) from dual", '"0AFF"'),
    (
        "select json_serialize(json_scalar(interval '1 02:03:04.5' day to second)) from dual",
        '"P1DT2H3M4.5S"',
    ),
    ("select data_type from all_tab_columns where owner = 'JSON_TEST' and column_name = 'J'", "JSON"),
]


@pytest.mark.parametrize(("statement", "value"), SHOWN)
def test_shown(connection: oracledb.Connection, statement: str, value: object) -> None:
    assert connection.cursor().execute(statement).fetchall() == [(value,)]


REFUSED = [
    ("insert into t values (9, 'no json')", 40441),
    ("insert into t values (9, 5)", 932),
    ("select distinct j from t", 932),
    ("select id from t order by j", 932),
    ("select j from t union select j from t", 932),
    ("select id from t where j = j", 932),
    ("select upper(j) from t", 932),
    ("create index z on t (j)", 2327),
    ("create table z (j json primary key)", 2329),
    ("select json('{}' extended) from dual", 3001),
    ("declare v varchar2(9); begin select j into v from t where id = 1; end;", 6550),
]


@pytest.mark.parametrize(("statement", "number"), REFUSED)
def test_refused(connection: oracledb.Connection, statement: str, number: int) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        connection.cursor().execute(statement)
    assert code(caught) == number


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("create table z (j json)", 902),
        ("select json('{}') from dual", 904),
        ("select json_scalar(1) from dual", 904),
    ],
)
def test_19c_has_no_such_type(instance_19c: Instance, statement: str, number: int) -> None:
    with instance_19c.connect() as other, pytest.raises(oracledb.DatabaseError) as caught:
        other.cursor().execute(statement)
    assert code(caught) == number


def test_more_members_than_two_bytes_count(connection: oracledb.Connection) -> None:
    many = json.dumps([0] * 70_000)
    assert connection.decode_oson(from_json(many)) == [0] * 70_000
    assert to_json(from_json(many)) == many.replace(" ", "")


def test_json_fetched_as_text(connection: oracledb.Connection) -> None:
    def as_text(cursor: oracledb.Cursor, _: oracledb.FetchInfo) -> oracledb.Var:
        return cursor.var(str, arraysize=cursor.arraysize)

    cursor = connection.cursor()
    cursor.outputtypehandler = as_text
    cursor.execute("select j from t where id in (2, 3) order by id")
    assert [value and json.loads(value) for (value,) in cursor] == [[1, {"name": "Bob"}], None]
    with pytest.raises(oracledb.DatabaseError, match="ORA-03115"):
        cursor.execute("select json_scalar(sysdate) from dual").fetchall()
