"""What a side of a comparison may be: a table, a query or a file, and nothing in between."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.connections.catalog import Places
from app.jobs.models import ComparisonRequest
from app.jobs.plan import resolve
from app.jobs.sides import Side, check_query, file_below
from app.oracle.dictionary import RequestError
from tests.api.test_plan import A, B, KnownTables, catalog_of


def side(**fields: Any) -> Side:
    return msgspec.convert(fields, Side)


@pytest.mark.parametrize(
    "fields",
    [
        {
            "table": "A",
            "where": [{"column": "X", "value": 1}, {"column": "Y", "is": "in", "value": [1, "2"]}],
        },
        {"table": "A", "where": [{"column": "X", "is": "is null"}]},
        {"query": "select 1 as one from dual where :x = 1", "binds": {"x": 1}},
        {"query": "-- why\n/* not */ with q as (select 1 as one from dual) select * from q"},
        {"file": "a/b.csv", "csv": {"delimiter": ";", "types": {"X": "NUMBER(9,2)"}}},
        {"file": "b.xlsx", "sheet": "Prices", "format": "excel"},
    ],
)
def test_what_a_side_may_be(fields: dict[str, Any]) -> None:
    assert msgspec.json.decode(msgspec.json.encode(side(**fields)), type=Side) == side(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"table": "A", "file": "b.csv"},
        {"table": "A", "query": "select 1 from dual"},
        {"table": "A", "binds": {"x": 1}},
        {"table": "A", "sheet": "S"},
        {"table": "A", "where": [{"column": "X"}]},
        {"table": "A", "where": [{"column": "X", "is": "or 1 = 1"}]},
        {"table": "A", "where": [{"column": "X", "is": "in", "value": 1}]},
        {"table": "A", "where": [{"column": "X", "is": "in", "value": []}]},
        {"table": "A", "where": [{"column": "X", "is": "in", "value": [None]}]},
        {"table": "A", "where": [{"column": "X", "value": [1]}]},
        {"table": "A", "where": [{"column": "X", "is": "is null", "value": 1}]},
        {"table": "A", "where": [{"column": "X", "value": 1}] * 21},
        {"query": "select 1 from dual;"},
        {"query": "select 1 from dual", "where": [{"column": "X", "value": 1}]},
        {"query": "delete from t"},
        {"query": "begin null; end"},
        {"query": "selects from t"},
        {"query": "/* select */ drop table t"},
        {"query": "with function f return number is begin return 1; end; select f from dual"},
        {"query": ""},
        {"query": "select " + "1" * 32_000},
        {"query": "select :x from dual", "binds": {"x y": 1}},
        {"file": ""},
        {"file": "a" * 2000},
        {"file": "b.csv", "format": "exe"},
        {"file": "b.csv", "csv": {"delimiter": ";;"}},
        {"file": "b.csv", "csv": {"colour": "red"}},
    ],
)
def test_what_a_side_may_not_be(fields: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        side(**fields)


def test_a_query_of_comments_alone_is_none() -> None:
    with pytest.raises(ValueError, match="must be one SELECT"):
        check_query("-- " * 100)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of files, beside one with a secret, with links that try to lead out of it."""
    inside, outside = tmp_path / "files", tmp_path / "outside"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    (inside / "deep" / "a.csv").write_text("id\n1\n")
    (outside / "secret.csv").write_text("id\n1\n")
    (inside / "link.csv").symlink_to(outside / "secret.csv")
    (inside / "out").symlink_to(outside)
    (inside / "loop").symlink_to(inside / "loop")
    (inside / "inner.csv").symlink_to(inside / "deep" / "a.csv")
    os.mkfifo(inside / "pipe")
    return inside


def test_a_file_is_found_below_the_folder(folder: Path) -> None:
    assert file_below(folder, "deep/a.csv") == folder / "deep" / "a.csv"
    assert file_below(folder, "inner.csv") == folder / "deep" / "a.csv"


@pytest.mark.parametrize(
    "text",
    ["../outside/secret.csv", "deep/../../outside/secret.csv", "/etc/passwd", "link.csv", "out/secret.csv", "loop",
     "nothing.csv", "deep", ".", "pipe", "deep\\a.csv", "deep/a.csv\x00", "a" * 900],
)  # fmt: skip
def test_no_path_leads_out_of_the_folder(folder: Path, text: str) -> None:
    with pytest.raises(RequestError) as caught:
        file_below(folder, text)
    assert str(folder) not in str(caught.value)


def resolved(places: Places, **fields: Any) -> Any:
    request = msgspec.convert(
        {"source": {"table": "A"}, "target": {"table": "B"}, **fields}, ComparisonRequest
    )
    return asyncio.run(resolve(catalog_of(KnownTables(A=A, B=B), places), request))


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"target": {"file": "deep/a.csv"}}, "target.file", "has not set CONCORD_FILES_DIR"),
        ({"source": {"query": "select 1 from dual"}}, "source.query", "has not set CONCORD_QUERY_USER"),
        (
            {"source": {"table": "A", "where": [{"column": "NOPE", "value": 1}]}},
            "source.where[0].column",
            "S.A has no column NOPE",
        ),
        ({"column_map": {"NOPE": "NAME"}}, "column_map.NOPE", "S.A has no column NOPE"),
        ({"column_map": {"OLD": "NOPE"}}, "column_map.OLD", "S.B has no column NOPE"),
        ({"column_map": {"NAME": "NEW"}}, "column_map", "S.B has a column NAME of its own"),
    ],
)
def test_what_this_installation_does_not_allow(fields: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        resolved(Places(), **fields)
    assert caught.value.field == field
    assert words in str(caught.value)


def test_a_missing_file_is_told_at_once(folder: Path) -> None:
    with pytest.raises(RequestError, match=r"there is no file gone\.csv") as caught:
        resolved(Places(folder), target={"file": "gone.csv"})
    assert caught.value.field == "target.file"
    plan = resolved(Places(folder), target={"file": "deep/a.csv"}, key=["id"], columns=["name"])
    assert (str(plan.source), plan.target, plan.key, plan.columns) == ("S.A", None, ("ID",), None)


def test_columns_that_the_target_names_differently() -> None:
    plan = resolved(Places(), column_map={"old": "new"})
    assert plan.columns == ("CODE", "NAME", "PRICE", "OLD")
    assert plan.renamed == {"NEW": "OLD"}
