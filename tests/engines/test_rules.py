"""Rules of columns: the engines against a naive model, and what expressions may not do."""

# ruff: noqa: DTZ001 - DATE and TIMESTAMP have no zone

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.jobs.rules import ColumnRule, NormalForm
from tests.engines import naive, naive_rules
from tests.engines.tables import (
    DECIMAL,
    DOUBLE,
    INTEGER,
    NUMBER,
    SHORT_DECIMAL,
    TIMESTAMP,
    WIDE_DECIMAL,
    Type,
)
from worker.engines import ComparisonPlan, EngineError, compare
from worker.engines.canonical import canonical
from worker.engines.cells import differing
from worker.engines.rules.apply import excused
from worker.engines.rules.expressions import check_expression
from worker.engines.sources.memory import MemorySource
from worker.engines.values import Kind, ValueType, type_of_arrow

SHARES = st.sampled_from([Decimal(t) for t in ("0", "0.1", "0.01", "0.000001", "0.5", "0.999")])
TOLERANCES = st.sampled_from([Decimal(t) for t in ("0", "0.00001", "0.5", "1", "1e30", "1e-20", "3600")])
TEXT_VALUES = st.sampled_from(
    ["", " ", "  ", "a", "A", " a", "a ", "a  b", "a\t b", "A B", "é", "e\u0301", "É", "\u00a0x", "x", "ﬁ", "fi", "Y"]
) | st.text(alphabet="aA bé\u0301\u00a0\n", max_size=5)  # fmt: skip


def number_rules() -> st.SearchStrategy[ColumnRule]:
    return st.builds(
        ColumnRule,
        tolerance=st.none() | TOLERANCES,
        relative_tolerance=st.none() | SHARES,
        decimals=st.none() | st.integers(0, 12),
    )


def text_rules() -> st.SearchStrategy[ColumnRule]:
    maps = st.none() | st.dictionaries(
        st.sampled_from(["a", "Y", " ", "é"]), st.none() | TEXT_VALUES, max_size=3
    )
    return st.builds(
        ColumnRule,
        trim=st.booleans(),
        ignore_case=st.booleans(),
        collapse_white_space=st.booleans(),
        normal_form=st.none() | st.sampled_from(NormalForm),
        null_equals_blank=st.booleans(),
        values_a=maps,
        values_b=maps,
    )


def time_rules() -> st.SearchStrategy[ColumnRule]:
    zones = st.none() | st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
    seconds = st.none() | st.sampled_from(
        [Decimal(t) for t in ("0", "1", "0.5", "3600", "0.000001", "86400")]
    )
    return st.builds(ColumnRule, time_tolerance=seconds, zone_a=zones, zone_b=zones)


NEAR = [0, 1, -1, 5, 10, 49, 50, 51, 100, -50, 999]


def near_numbers(kind: Type) -> st.SearchStrategy[tuple[Any, Any]]:
    """Two numbers, often a few units of some decimal apart."""

    def moved(value: Any) -> st.SearchStrategy[tuple[Any, Any]]:
        if kind is DOUBLE:
            others = [value, -value, value * 1.01, round(value, 2) if abs(value) < 1e300 else value]
            return st.sampled_from([(value, other) for other in others])
        if kind is INTEGER:
            return st.sampled_from([(value, max(-(2**63), min(2**63 - 1, value + n))) for n in NEAR])
        scale = {SHORT_DECIMAL: 2, DECIMAL: 6, WIDE_DECIMAL: 10, NUMBER: 7}[kind]
        digits = {SHORT_DECIMAL: 5, DECIMAL: 9, WIDE_DECIMAL: 38, NUMBER: 60}[kind]
        top = Decimal((0, (9,) * digits, -scale))
        with naive.localcontext() as context:
            context.prec = 300
            near = [value + Decimal(n).scaleb(-scale) for n in NEAR]
        return st.sampled_from([(value, other) for other in near if abs(other) <= top] or [(value, value)])

    return kind.values.flatmap(moved) | st.tuples(kind.values | st.none(), kind.values | st.none())


def near_times(_: Type) -> st.SearchStrategy[tuple[Any, Any]]:
    moments = st.sampled_from(
        [datetime(2026, 3, 29, 1, 59), datetime(2026, 10, 25, 2, 30), datetime(2026, 7, 1), datetime(1, 1, 3)]
    ) | st.datetimes(datetime(1900, 1, 1), datetime(2037, 1, 1))
    shifts = st.sampled_from(
        [timedelta(hours=n) for n in (-2, -1, 1, 5)]
        + [timedelta(seconds=1), timedelta(microseconds=-1), timedelta(milliseconds=500), timedelta(days=1)]
    )
    return st.tuples(moments, shifts).map(lambda p: (p[0], p[0] + p[1])) | st.tuples(
        moments, moments | st.none()
    )


TEXT = Type("text", pa.string(), TEXT_VALUES)


@settings(max_examples=250)
@given(st.data())
def test_rules_excuse_what_the_naive_model_excuses(data: st.DataObject) -> None:
    kind, rules, pairs = data.draw(
        st.sampled_from(
            [
                *(
                    (t, number_rules(), near_numbers(t))
                    for t in (INTEGER, DECIMAL, WIDE_DECIMAL, NUMBER, DOUBLE)
                ),
                (TEXT, text_rules(), st.tuples(TEXT_VALUES | st.none(), TEXT_VALUES | st.none())),
                (TIMESTAMP, time_rules(), near_times(TIMESTAMP)),
            ]
        )
    )
    rule = data.draw(rules)
    cells = data.draw(st.lists(pairs, min_size=1, max_size=12))
    own = kind.value_type or type_of_arrow(kind.arrow)
    assert own is not None
    a, b = (
        canonical(pa.array([kind.encode(c[n]) for c in cells], kind.arrow, from_pandas=False), own, own)
        for n in (0, 1)
    )
    rows = differing(a, b)
    a, b = a.take(pa.array(rows)), b.take(pa.array(rows))
    normal = [[naive.normal(c[n], padded=False, as_double=False) for n in (0, 1)] for c in cells]
    expected = [naive_rules.excused(*normal[row], rule) for row in rows.tolist()]
    assert excused(a, b, own, rule, "C").tolist() == expected, [normal[row] for row in rows.tolist()]


def test_times_with_nanoseconds_have_tolerances_and_zones() -> None:
    a = pa.array(
        ["2026-07-01 12:00:00.000000001", "2026-07-01 12:00:00.999999999", "0001-01-01 00:00:00.000000000"]
    )
    b = pa.array(
        ["2026-07-01 12:00:00.000000003", "2026-07-01 12:00:01.000000001", "9999-12-31 23:59:59.999999999"]
    )
    kind = ValueType(Kind.TIMESTAMP_NS)
    for seconds, expected in (
        ("0.000000002", [True, True, False]),
        ("0.000000001", [False] * 3),
        ("1e20", [True] * 3),
    ):
        rule = ColumnRule(time_tolerance=Decimal(seconds))
        assert (
            excused(a.cast(pa.large_string()), b.cast(pa.large_string()), kind, rule, "T").tolist()
            == expected
        )


def test_wide_and_narrow_numbers_in_one_column() -> None:
    texts_a = ["0.1", "1" + "0" * 60, "12345.5", "0." + "0" * 40 + "1"]
    texts_b = ["0.11", "1" + "0" * 59 + "1", "12345.6", "0." + "0" * 40 + "2"]
    a, b = (pa.array(side, pa.large_string()) for side in (texts_a, texts_b))
    rule = ColumnRule(tolerance=Decimal("0.05"))
    assert excused(a, b, ValueType(Kind.NUMBER), rule, "N").tolist() == [True, False, False, True]


def run(tmp_path: Path, a: list[Any], b: list[Any], kind: pa.DataType, **rule: Any) -> list[int]:
    """The rows that still differ."""
    sides = [
        MemorySource(name, pa.table({"K": pa.array(range(len(values))), "V": pa.array(values, kind)}))
        for name, values in (("A", a), ("B", b))
    ]
    plan = ComparisonPlan(key=("K",), rules={"V": ColumnRule(**rule)}, sample_limit=1000)
    document = compare(sides[0], sides[1], plan, lambda *_: None, tmp_path, 256).to_document()
    return [int(sample["key"]["K"]) for sample in document["samples"]["changed"]]


def test_an_expression_is_applied_to_its_side_only(tmp_path: Path) -> None:
    a, b = ["007", "12", None, "x"], ["7", "12 ", "0", "X"]
    assert run(tmp_path, a, b, pa.string(), expression_a="ltrim(value, '0')", expression_b="trim(value)") == [
        2,
        3,
    ]
    assert run(tmp_path, a, b, pa.string(), expression_a="coalesce(upper(value), '0')") == [0, 1]


def test_an_expression_may_change_the_type_and_a_tolerance_follows_it(tmp_path: Path) -> None:
    money = pa.decimal128(12, 2)
    a, b = (
        [Decimal("1.00"), Decimal("2.50"), Decimal("3.00")],
        [Decimal("100.00"), Decimal("250.01"), Decimal("3.00")],
    )
    assert run(tmp_path, a, b, money, expression_a="value * 100") == [1]
    assert run(tmp_path, a, b, money, expression_a="value * 100", tolerance=Decimal("0.01")) == []
    stamps = [datetime(2026, 1, 1, 5), datetime(2026, 1, 2)]
    days = [datetime(2026, 1, 1), datetime(2026, 1, 3)]
    assert run(tmp_path, stamps, days, pa.timestamp("us"), expression_a="date_trunc('day', value)") == [1]


def test_an_ignored_column_is_not_compared(tmp_path: Path) -> None:
    assert run(tmp_path, ["a"], ["b"], pa.string(), ignore=True) == []


@pytest.mark.parametrize(
    "expression",
    [
        "(select 1)", "value; drop table x", "read_csv('/etc/passwd')", "getenv('HOME')", "value from x", "value, 1",
        "*", "sum(value)", "row_number() over ()", "random()", "repeat(value, 1000000000)", "other", "t.value",
        "lpad(value, 1000000000, 'x')", "lpad(value, length(value), 'x')", "current_setting('threads')", "upper(value",
        "1 where true", "value limit 1", "list_transform([1], x -> x)", "exists(select 1)", "main.upper(value)", "$1",
        "nextval('s')", "query('select 1')", "value collate nocase", "case when (select true) then 1 end",
        "upper((from x))", "columns('.*')", "", "a.b.c", "unnest([1])", "pragma_version()", "value::enum('a')",
    ],
)  # fmt: skip
def test_an_expression_that_could_reach_further_is_refused(tmp_path: Path, expression: str) -> None:
    with pytest.raises(EngineError, match="expression_a of V"):
        run(tmp_path, ["a"], ["b"], pa.string(), expression_a=expression)


@pytest.mark.parametrize(
    "expression",
    [
        "upper(trim(value))", "case when value = 'Y' then 1 else 0 end", "value::decimal(10, 2)", "not value is null",
        "try_cast(value as integer)", "value in ('a', 'b')", "value between 'a' and 'b'", "value || 'x'", "-1 * 2",
        "coalesce(value, 'x')", "lpad(value, 10, '0')", "strptime(value, '%d.%m.%Y')", "regexp_replace(value, 'a', 'b', 'g')",
        "value like 'a%' or value ilike 'B'", "extract(year from value)", "substring(value from 2 for 3)", "VALUE",
    ],
)  # fmt: skip
def test_an_expression_over_the_value_alone_is_accepted(expression: str) -> None:
    check_expression(expression, "The expression")


def test_an_expression_that_fails_on_a_value_says_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"The expression of V fails: .*Could not convert string 'a'"):
        run(tmp_path, ["a"], ["b"], pa.string(), expression_a="value::integer")


@pytest.mark.parametrize(
    ("kind", "rule", "sentence"),
    [
        (pa.string(), {"tolerance": Decimal(1)}, "not a number; the rule tolerance"),
        (pa.int64(), {"trim": True}, "not a text; the rule trim"),
        (pa.int64(), {"zone_a": "Europe/Berlin"}, "not a date or time; the rule zone_a"),
    ],
)
def test_a_rule_without_meaning_is_refused(
    tmp_path: Path, kind: pa.DataType, rule: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(EngineError, match=sentence):
        run(tmp_path, [None], [None], kind, **rule)


@pytest.mark.parametrize(
    "rule",
    [
        {"tolerance": "-1"}, {"tolerance": "NaN"}, {"relative_tolerance": "1"}, {"decimals": -1}, {"decimals": 31},
        {"zone_a": "Nowhere/City"}, {"zone_b": "../../etc/passwd"}, {"time_tolerance": "0.0000000001"},
        {"normal_form": "NFX"}, {"expression_a": "x" * 1001}, {"unknown": 1},
    ],
)  # fmt: skip
def test_a_rule_that_is_wrong_in_itself_is_not_accepted(rule: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(rule, ColumnRule)
