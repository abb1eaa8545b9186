"""CSV files as sources: what is detected, what every value becomes, and what is refused with which sentence."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.engines.errors import BadPlan, EngineError, SourceFailed, SourceInterrupted
from worker.engines.sources import csv_records
from worker.engines.sources.csv import CsvSource, type_named
from worker.engines.sources.csv_dialect import CsvOptions
from worker.engines.values import Kind, ValueType

Rows = list[tuple[Any, ...]]


def source(folder: Path, data: str | bytes, **options: Any) -> CsvSource:
    path = folder / "x.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return CsvSource(path, "x.csv", CsvOptions(**options))


def types(source: CsvSource) -> dict[str, str]:
    return {column.name: column.oracle_type for column in source.schema()}


def rows(source: CsvSource) -> Rows:
    names = [column.name for column in source.schema()]
    tables = [pa.Table.from_batches([batch]) for batch in source.batches(names)]
    return [tuple(row.values()) for table in tables for row in table.to_pylist()]


def refusal(folder: Path, data: str | bytes, **options: Any) -> str:
    with pytest.raises(EngineError) as caught:
        rows(source(folder, data, **options))
    return caught.value.sentence


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-2", "0"], "NUMBER"),
        (["-0", "5"], "NUMBER"),
        (["9" * 18], "NUMBER"),
        (["9" * 19], "NUMBER(19,0)"),
        (["9" * 38], "NUMBER(38,0)"),
        (["9" * 39], "NUMBER"),
        (["1.50", ".5", "-12"], "NUMBER(4,2)"),
        (["1.5E-7", "2"], "NUMBER"),
        (["1E5"], "VARCHAR2"),
        (["007", "1"], "VARCHAR2"),
        (["+1"], "VARCHAR2"),
        (["0x10"], "VARCHAR2"),
        (["1 ", "2"], "VARCHAR2"),
        (["1,5"], "VARCHAR2"),
        (["2026-09-05", "2026-09-05 12:30:15.123456"], "TIMESTAMP(6)"),
        (["2026-09-05T12:30:15Z", "2026-09-05 12:30:15.5+02:00"], "TIMESTAMP(6)"),
        (["2026-09-05 12:30:15.123456789"], "TIMESTAMP(9)"),
        (["2026-09-05 12:00:00Z", "2026-09-05 12:00:00"], "VARCHAR2"),
        (["2026-02-30"], "VARCHAR2"),
        (["2026-9-5"], "VARCHAR2"),
        (["", ""], "VARCHAR2"),
    ],
)
def test_the_type_is_the_narrowest_that_every_value_has(
    tmp_path: Path, values: list[str], expected: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["ID", "V"], *([n, value] for n, value in enumerate(values))])
    assert types(source(tmp_path, text.getvalue()))["V"] == expected


def test_one_odd_value_in_the_last_of_many_lines_decides(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(csv_records, "_BLOCK_BYTES", 1 << 12)
    lines = "".join(f"{n},{n}\n" for n in range(20_000))
    assert types(source(tmp_path, f"ID,V\n{lines}"))["V"] == "NUMBER"
    found = source(tmp_path, f"ID,V\n{lines}20000,N/A\n")
    assert types(found) == {"ID": "NUMBER", "V": "VARCHAR2"}
    assert rows(found)[-1] == (20_000, "N/A")
    found = source(tmp_path, f"ID,V\n{lines}20000,0.125\n")
    assert types(found)["V"] == "NUMBER(8,3)"
    assert rows(found)[-2:] == [(19_999, Decimal(19_999)), (20_000, Decimal("0.125"))]


def test_values_are_exact(tmp_path: Path) -> None:
    found = source(
        tmp_path, "n,d,t,s\n1,0.10,2026-09-05,007\n,-3.14,2026-09-05T12:30:15.5Z,\n", types={"T": "DATE"}
    )
    assert rows(found) == [
        (1, Decimal("0.10"), datetime(2026, 9, 5), "007"),  # noqa: DTZ001
        (None, Decimal("-3.14"), datetime(2026, 9, 5, 12, 30, 15, 500_000), None),  # noqa: DTZ001
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_encoding_and_delimiter_are_detected(
    tmp_path: Path, encoding: str, delimiter: str, ends: str
) -> None:
    text = ends.join(['id,näme,"x"', '1,"é,日\n""q""",a', "2,,"]).replace(",", delimiter)
    found = source(tmp_path, text.encode(encoding))
    assert [c.name for c in found.schema()] == ["id", "näme", "x"]
    assert rows(found) == [(1, f'é{delimiter}日\n"q"', "a"), (2, None, None)]
    assert found.account()["delimiter"] == delimiter


def test_other_encodings_are_asked_for(tmp_path: Path) -> None:
    data = "id,b\n1,x\n2,café\n".encode("windows-1252")
    assert refusal(tmp_path, data) == (
        "x.csv, line 3: byte 0xE9 is not UTF-8. Give the file's encoding, for example windows-1252."
    )
    assert rows(source(tmp_path, data, encoding="windows-1252"))[1] == (2, "café")
    assert "no text encoding 'nonsense'" in refusal(tmp_path, data, encoding="nonsense")


def test_compressed_files_are_read_as_they_are(tmp_path: Path) -> None:
    assert rows(source(tmp_path, gzip.compress(b"id,b\n1,x\n"))) == [(1, "x")]
    assert "cannot be read as CSV" in refusal(tmp_path, gzip.compress(b"id,b\n1,x\n" * 9999)[:-30])


def test_a_bad_line_is_told_with_its_number_and_reason(tmp_path: Path) -> None:
    data = 'id,name\n1,"two\nlines"\n\n2,b,c\n3,d\n4\n'
    assert refusal(tmp_path, data) == (
        "x.csv has a bad line, line 5: 3 fields in place of 2 (2,b,c). The file was not compared."
    )
    assert "more than the 1 bad lines that are allowed; the first is line 5" in refusal(
        tmp_path, data, bad_lines=1
    )
    found = source(tmp_path, data, bad_lines=2)
    assert rows(found) == [(1, "two\nlines"), (3, "d")]
    assert found.account()["bad_lines"] == 2
    assert [line["line"] for line in found.account()["bad_line_samples"]] == [5, 7]


@pytest.mark.parametrize(
    "data",
    [
        'id,name\n1,a\n2,"unclosed\n3,c\n',
        'id,name\n1,a\n2,"unclosed\n3,"c\n4,"d"\n',
    ],
    ids=["to the end of the file", "to another quote"],
)
def test_a_quote_that_swallows_lines_is_found(tmp_path: Path, data: str) -> None:
    assert refusal(tmp_path, data).startswith("x.csv, line 3: a quote is out of place or never closed")


def test_quotes_inside_plain_values_are_text(tmp_path: Path) -> None:
    assert rows(source(tmp_path, 'id,b\n1,6" pipe\n2,x\n')) == [(1, '6" pipe'), (2, "x")]


def test_options_decide_what_is_not_detected(tmp_path: Path) -> None:
    assert rows(source(tmp_path, "id;b\n1;1,5\n2;-2,75\n", decimal=",")) == [
        (1, Decimal("1.5")),
        (2, Decimal("-2.75")),
    ]
    assert types(source(tmp_path, "id;b\n1;1.000\n2;-2,75\n", decimal=","))["b"] == "VARCHAR2"
    assert rows(source(tmp_path, 'id,b\n1,NA\n2,"NA"\n3,""\n', nulls=("NA",))) == [
        (1, None),
        (2, "NA"),
        (3, None),
    ]
    assert rows(source(tmp_path, "1,2\n", header=False)) == [(1, 2)]
    assert [c.name for c in source(tmp_path, "1,2\n", header=False).schema()] == ["COLUMN_1", "COLUMN_2"]
    assert rows(source(tmp_path, "id,'a,b'\n1,'x,y'\n", quote="'")) == [(1, "x,y")]
    assert rows(source(tmp_path, "id,b\n0,5\n", types={"B": "text", "id": "number(9,2)"})) == [
        (Decimal("0.00"), "5")
    ]


def test_a_value_that_is_not_of_the_given_type_is_refused_with_its_line(tmp_path: Path) -> None:
    data = 'id,b\n1,2\n\n2,"3\n"\n3,x\n'
    assert refusal(tmp_path, data, types={"B": "number"}) == (
        "x.csv, line 6: 'x' in column b is not a value of type NUMBER."
    )
    assert "1.505" in refusal(tmp_path, "id,b\n1,1.505\n", types={"b": "number(9,2)"})
    assert "no column C" in refusal(tmp_path, "id,b\n1,2\n", types={"C": "text"})
    assert "is not a type" in refusal(tmp_path, "id,b\n1,2\n", types={"b": "money"})


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "x.csv is empty; not even a header is there."),
        (b"id,id\n1,2\n", "x.csv has two columns named id; give each its own name."),
        (b"id,b\n1,\x00\n", "x.csv holds NUL bytes: it is no CSV file, or give its encoding."),
        (b"id,b\n1," + b"y" * (17 << 20), "x.csv has a record longer than 8 MiB; it cannot be compared."),
    ],
    ids=["empty", "twin columns", "binary", "long record"],
)
def test_what_is_no_csv_is_refused(tmp_path: Path, data: bytes, sentence: str) -> None:
    assert refusal(tmp_path, data) == sentence


def test_a_single_column_may_hold_nulls(tmp_path: Path) -> None:
    assert rows(source(tmp_path, "v\n1\n\n3\n")) == [(1,), (None,), (3,)]


def test_an_empty_table_is_a_table(tmp_path: Path) -> None:
    found = source(tmp_path, "id,b\n")
    assert (rows(found), found.estimated_rows()) == ([], 0)


def test_blocks_that_hold_no_record_do_not_hold_up_the_reading(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(csv_records, "_BLOCK_BYTES", 512)
    monkeypatch.setattr(csv_records, "_LONGEST_WAIT_S", 0.01)
    bad = 2_000
    (tmp_path / "x.csv").write_text("ID,NAME\n" + "1,a,b\n" * bad + "2,c\n" + "3\n" * bad + "4,d\n")
    source = CsvSource(tmp_path / "x.csv", "x", CsvOptions(bad_lines=2 * bad))
    assert pa.Table.from_batches(source.batches(["ID", "NAME"])).to_pydict() == {
        "ID": [2, 4],
        "NAME": ["c", "d"],
    }


@pytest.mark.parametrize("data", ["ID,NAME", "ID,NAME\n", "ID,NAME\r\n", "\ufeffID,NAME", "ID", '"ID"'])
def test_a_header_alone_is_an_empty_table_whether_its_line_has_an_end_or_not(
    tmp_path: Path, data: str
) -> None:
    (tmp_path / "x.csv").write_text(data, encoding="utf-8", newline="")
    source = CsvSource(tmp_path / "x.csv", "x")
    assert [column.name for column in source.schema()] == ["ID", "NAME"][: 1 + data.count(",")]
    assert source.estimated_rows() == 0
    assert sum(batch.num_rows for batch in source.batches(["ID"])) == 0


def test_a_file_that_changes_after_it_was_opened_is_refused(tmp_path: Path) -> None:
    found = source(tmp_path, "id,b\n1,2\n")
    (tmp_path / "x.csv").write_text("id,b\n1,3\n2,4\n")
    with pytest.raises(SourceInterrupted, match=r"x\.csv was changed while it was read"):
        rows(found)


def test_a_file_that_changes_while_it_is_read_gives_no_complete_result(
    tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(csv_records, "_BLOCK_BYTES", 1 << 12)
    found = source(tmp_path, "id,b\n" + "".join(f"{n},x\n" for n in range(50_000)))
    batches = found.batches(["id"])
    next(batches)
    with (tmp_path / "x.csv").open("a") as file:
        file.write("50000,x\n")
    with pytest.raises(SourceInterrupted, match="was changed while it was read"):
        list(batches)


def test_types_are_named_as_people_do() -> None:
    assert type_named("number( 9, 2 )") == ValueType(Kind.DECIMAL, 9, 2)
    assert type_named("Timestamp (9)") == ValueType(Kind.TIMESTAMP_NS)
    for wrong in ("number(39)", "number(2,5)", "varchar", ""):
        with pytest.raises(BadPlan, match="is not a type"):
            type_named(wrong)


TEXTS = st.text(st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=6)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=3)
STAMPS = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31))  # noqa: DTZ001


@settings(max_examples=60, deadline=None)
@given(
    data=st.lists(
        st.tuples(st.integers(-(10**18) + 1, 10**18 - 1), st.none() | NUMBERS, st.none() | STAMPS, TEXTS),
        min_size=1,
        max_size=12,
    ),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    block=st.sampled_from([1 << 9, 1 << 23]),
)
def test_what_another_program_writes_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    data: Rows,
    delimiter: str,
    encoding: str,
    quoting: Any,
    block: int,
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting)
    writer.writerow(["ID", "N", "T", "S"])
    writer.writerows((i, n, t and t.isoformat(" "), s) for i, n, t, s in data)
    wanted = {"ID": "number(18)", "N": "number(20,3)", "T": "timestamp", "S": "text"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "_BLOCK_BYTES", block)
        found = source(
            tmp_path_factory.mktemp("csv"),
            text.getvalue().encode(encoding),
            types=wanted,
            delimiter=delimiter,
        )
        assert rows(found) == [(i, n, t, s or None) for i, n, t, s in data]


def test_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match=r"There is no file nothing\.csv"):
        CsvSource(tmp_path / "nothing.csv", "nothing.csv")
    with pytest.raises(SourceFailed, match="is a folder; give one file"):
        CsvSource(tmp_path, "folder")
