"""What a request means: names looked up, the key found, and each mistake told with its field."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from app.connections.catalog import Catalog, Places
from app.jobs.models import ComparisonRequest
from app.jobs.plan import ResolvedComparison, resolve
from app.jobs.rules import ColumnRule
from app.oracle.dictionary import Column, Dictionary, Key, RequestError, Table


class KnownTables(Dictionary):
    """A dictionary of given tables."""

    def __init__(self, **tables: Table) -> None:
        self.tables = tables

    async def table(self, text: str, field: str) -> Table:
        return self.tables[text]


def catalog_of(dictionary: Dictionary, places: Places | None = None) -> Catalog:
    """A catalog without connections."""
    return Catalog(dictionary, None, None, places)  # type: ignore[arg-type]


def table(name: str, columns: str, *keys: Key) -> Table:
    """Columns written `ID NAME? PRICE:NUMBER`: `?` is nullable, VARCHAR2 unless a type follows the colon."""
    parsed = []
    for word in columns.split():
        column, _, data_type = word.partition(":")
        parsed.append(
            Column(column.rstrip("?"), data_type or "VARCHAR2", None, None, None, column.endswith("?"))
        )
    return Table("S", name, tuple(parsed), keys)


def plan(a: Table, b: Table, **fields: Any) -> ResolvedComparison:
    request = msgspec.convert(
        {"source": {"table": "A"}, "target": {"table": "B"}, **fields}, ComparisonRequest
    )
    return asyncio.run(resolve(catalog_of(KnownTables(A=a, B=b)), request))


def refusal(a: Table, b: Table, **fields: Any) -> tuple[str, str]:
    with pytest.raises(RequestError) as error:
        plan(a, b, **fields)
    return error.value.field, str(error.value)


PRIMARY = Key("A_PK", True, ("ID",))
UNIQUE = Key("A_UK", False, ("CODE",))
WIDE_UNIQUE = Key("A_UK2", False, ("CODE", "NAME"))
A = table("A", "ID CODE NAME? PRICE?:NUMBER OLD?", PRIMARY, UNIQUE)
B = table("B", "ID CODE NAME? PRICE?:NUMBER NEW?", PRIMARY, UNIQUE)


def test_the_primary_key_is_the_key_if_none_is_given() -> None:
    resolved = plan(A, B)
    assert (resolved.key, resolved.key_origin) == (("ID",), "primary key")


def test_the_common_columns_are_compared_in_the_order_of_the_source() -> None:
    assert plan(A, B).columns == ("CODE", "NAME", "PRICE")


def test_a_unique_key_serves_where_the_target_lacks_the_primary_key_column() -> None:
    resolved = plan(A, table("B", "CODE NAME?", UNIQUE))
    assert (resolved.key, resolved.key_origin) == (("CODE",), "unique key A_UK")


def test_a_unique_key_with_a_nullable_column_is_no_key() -> None:
    resolved = plan(table("A", "CODE NAME?", WIDE_UNIQUE), table("B", "CODE NAME?"))
    assert (resolved.key, resolved.key_origin) == ((), "to be found in the data")


def test_a_primary_key_whose_columns_the_target_lacks_gives_way() -> None:
    assert plan(A, table("B", "CODE NAME?")).key == ("CODE",)


def test_a_key_of_the_target_alone_serves_too() -> None:
    assert plan(table("A", "ID NAME?"), table("B", "ID NAME?", PRIMARY)).key == ("ID",)


def test_a_key_that_both_declare_goes_before_the_primary_key_of_one() -> None:
    resolved = plan(table("A", "ID CODE", PRIMARY, UNIQUE), table("B", "ID CODE", UNIQUE))
    assert (resolved.key, resolved.key_origin) == (("CODE",), "unique key A_UK")


def test_a_given_key_is_taken_in_its_order_and_in_any_case() -> None:
    resolved = plan(A, B, key=["name", "Id"])
    assert (resolved.key, resolved.key_origin) == (("NAME", "ID"), "given")


def test_a_name_in_double_quotes_keeps_its_case() -> None:
    mixed = table("A", "ID mixed?", PRIMARY)
    assert plan(mixed, mixed, columns=['"mixed"']).columns == ("mixed",)
    assert refusal(mixed, mixed, columns=["mixed"])[0] == "columns[0]"


def test_ignored_columns_are_not_compared() -> None:
    assert plan(A, B, ignore=["price", "old"]).columns == ("CODE", "NAME")


def test_a_tolerance_reaches_the_plan_exactly() -> None:
    assert plan(A, B, rules={"price": {"tolerance": "0.10"}}).rules == {
        "PRICE": ColumnRule(tolerance=Decimal("0.10"))
    }


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"key": ["NOPE"]}, "key[0]", "neither S.A nor S.B has a column NOPE"),
        ({"key": ["OLD"]}, "key[0]", "S.B has no column OLD"),
        ({"key": ["ID", "id"]}, "key", "twice"),
        ({"columns": ["CODE", "NEW"]}, "columns[1]", "S.A has no column NEW"),
        ({"ignore": ["NOPE"]}, "ignore[0]", "NOPE"),
        ({"ignore": ["ID"]}, "ignore", "ID belongs to the key"),
        ({"rules": {"NAME": {"tolerance": 1}}}, "rules.NAME.tolerance", "S.A.NAME is VARCHAR2"),
        ({"rules": {"NOPE": {"tolerance": 1}}}, "rules.NOPE", "NOPE"),
        ({"rules": {"ID": {"tolerance": 1}}}, "rules.ID", "not compared"),
        ({"rules": {"price": {"tolerance": 1}, "PRICE": {"tolerance": 2}}}, "rules.PRICE", "two rules"),
        ({"key": ["ID; drop table x"]}, "key[0]", "is not a column name"),
        ({"key": ['ID"']}, "key[0]", "is not a column name"),
    ],
)
def test_a_mistake_names_its_field_and_what_is_wrong(fields: dict[str, Any], field: str, words: str) -> None:
    found_field, sentence = refusal(A, B, **fields)
    assert found_field == field
    assert words in sentence


def test_tables_with_nothing_in_common_are_refused() -> None:
    assert refusal(A, table("B", "X Y"))[0] == "target.table"


def test_the_rules_of_a_profile_count_where_the_request_has_none_of_its_own() -> None:
    class WithProfile(KnownTables):
        async def profile(self, name: str) -> Any:
            return '{"price": {"tolerance": "0.5"}, "NAME": {"trim": true}, "ID": {"trim": true}, "NO": {"trim": true}}'

    request = ComparisonRequest.from_json(
        '{"source": {"table": "A"}, "target": {"table": "B"}, "profile": "p", "rules": {"NAME": {"ignore_case": true}}}'
    )
    resolved = asyncio.run(resolve(catalog_of(WithProfile(A=A, B=B)), request))
    assert resolved.rules == {
        "PRICE": ColumnRule(tolerance=Decimal("0.5")),
        "NAME": ColumnRule(ignore_case=True),
    }
