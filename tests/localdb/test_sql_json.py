"""JSON kept as text: what is taken out of a document keeps the order of its members and its numbers."""

from __future__ import annotations

from collections.abc import Iterator

import oracledb
import pytest

from tests.conftest import Instance
from tests.localdb.conftest import code

DOCUMENT = '{"b" : 1.50, "a" : [1, {"z" : 1, "y" : "a b"}], "c" : {"q" : {}, "p" : []}}'


@pytest.fixture(scope="module")
def cursor(localdb: Instance) -> Iterator[oracledb.Cursor]:
    with localdb.connect() as connection:
        yield connection.cursor()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("json_query(:d, '$')", '{"b":1.50,"a":[1,{"z":1,"y":"a b"}],"c":{"q":{},"p":[]}}'),
        ("json_query(:d, '$.c')", '{"q":{},"p":[]}'),
        ("json_query(:d, '$.a[1]')", '{"z":1,"y":"a b"}'),
        ("json_query(:d, '$.a[*]' with wrapper)", '[1,{"z":1,"y":"a b"}]'),
        ("json_query(:d, '$.a[*]?(@.z == 1)')", '{"z":1,"y":"a b"}'),
        ("json_query(:d, '$.b')", None),
        ("json_query(:d, '$.b' with wrapper)", "[1.50]"),
        ("json_query(:d, '$.c' pretty)", '{\n  "q" :\n  {\n  },\n  "p" :\n  [\n  ]\n}'),
        ("json_value(:d, '$.b')", "1.50"),
        ("json_serialize(:d)", '{"b":1.50,"a":[1,{"z":1,"y":"a b"}],"c":{"q":{},"p":[]}}'),
        ("json_mergepatch(:d, '{\"b\":null,\"new\":1,\"c\":{\"q\":2}}')",
         '{"a":[1,{"z":1,"y":"a b"}],"c":{"q":2,"p":[]},"new":1}'),
        ("json_mergepatch(:d, '[3]')", "[3]"),
        ("json_mergepatch(:d, '[3]' error on error)", "[3]"),
    ],
)  # fmt: skip
def test_as_the_document_has_it(cursor: oracledb.Cursor, expression: str, expected: str | None) -> None:
    assert cursor.execute(f"select {expression} from dual", d=DOCUMENT).fetchone() == (expected,)


def test_a_json_table_column(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        "select t.part from json_table(:d, '$' columns (part varchar2(99) format json path '$.a[1]')) t",
        d=DOCUMENT,
    )
    assert cursor.fetchall() == [('{"z":1,"y":"a b"}',)]


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("json_query(:d, '$.nope' error on error)", 40462),
        ("json_value(:d, '$.nope' error on error)", 40462),
        ("json_value(:d, '$.c' error on error)", 40456),
        ("json_query(:d, '$.b' error on error)", 40480),
        ("json_serialize(:d || '}')", 40441),
        ("json_mergepatch(:d, 'nope' error on error)", 40441),
        ("json_value(:d, 'nope')", 40442),
    ],
)
def test_errors(cursor: oracledb.Cursor, expression: str, number: int) -> None:
    with pytest.raises(oracledb.DatabaseError) as caught:
        cursor.execute(f"select {expression} from dual", d=DOCUMENT).fetchall()
    assert code(caught) == number


def test_rows_behind_one_without_a_document(cursor: oracledb.Cursor) -> None:
    cursor.execute(
        'with d (n, doc) as (select 1, to_clob(null) from dual union all select 2, to_clob(\'{"a":{"b":7}}\') from dual)'
        " select json_value(doc, '$.a.b'), json_query(doc, '$.a'), case when json_exists(doc, '$.a') then 1 end"
        " from d order by n"
    )
    assert cursor.fetchall() == [(None, None, None), ("7", '{"b":7}', 1)]
