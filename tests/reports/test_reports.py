"""Reports: complete, safe to open, and made of the document and its files alone."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import fastexcel
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.reports.html import html
from app.reports.kept import FileGoneError, KeptFiles
from app.reports.marks import marked, visible
from app.reports.sheets import harmless
from app.reports.write import KINDS, ReportError, write
from tests.engines.airports import AFTER, BEFORE, airports
from worker.engines import ComparisonPlan, Source, workflow
from worker.engines.sources.memory import MemorySource

EVIL = "<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://x","y")'


def compared(folder: Path, source: Source, target: Source, key: str) -> workflow.Outcome:
    (folder / "work").mkdir()
    plan = ComparisonPlan(key=(key,))
    return workflow.run(
        source, target, plan, workflow.Wanted(), lambda *_: None, folder / "work", folder / "results", 512
    )


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> workflow.Outcome:
    sides = airports(BEFORE, "DEMO.AIRPORTS_PROD"), airports(AFTER, "DEMO.AIRPORTS_UAT")
    return compared(tmp_path_factory.mktemp("airports"), *sides, "ICAO")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> workflow.Outcome:
    """Markup and formulas wherever text can be."""
    a = pa.table({EVIL: [1, 2, 3], FORMULA: [EVIL, FORMULA, "+1"], "ONLY": ["x", "x", "x"]})
    b = pa.table({EVIL: [1, 2, 4], FORMULA: ["plain", None, FORMULA], EVIL + "2": ["y", "y", "y"]})
    return compared(tmp_path_factory.mktemp("hostile"), MemorySource(EVIL, a), MemorySource(FORMULA, b), EVIL)


def files(outcome: workflow.Outcome) -> dict[str, Path]:
    return {file.name: file.path for file in outcome.files}


def test_the_page_says_first_what_happened(outcome: workflow.Outcome) -> None:
    page = html(outcome.document)
    assert "12,668 rows differ, 612 rows are only in A, 686 rows are only in B." in page
    assert "most of them in LAT, LON: A is B rounded to 5 decimals" in page
    assert "accept differences up to 0.00001" in page


def test_the_page_needs_nothing_but_itself_and_runs_nothing(outcome: workflow.Outcome) -> None:
    page = html(outcome.document)
    assert not re.search(r"<(script|link|iframe|img|object)\b", page)
    assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?!#)[a-z]", page)


def test_markup_in_the_data_is_text_on_the_page(hostile: workflow.Outcome) -> None:
    page = html(hostile.document)
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_equal_tables_have_a_page_too(tmp_path: Path) -> None:
    table = pa.table({"K": [1, 2], "V": ["a", None]})
    same = compared(tmp_path, MemorySource("A", table), MemorySource("B", table), "K")
    assert "The tables are equal." in html(same.document)


def test_the_workbook_has_every_cell_and_no_formula(hostile: workflow.Outcome, tmp_path: Path) -> None:
    path = write("xlsx", hostile.document, files(hostile), tmp_path / "r.xlsx")
    book = fastexcel.read_excel(path)
    assert book.sheet_names[:4] == ["Summary", "Columns", "Patterns", "Differences"]
    cells = book.load_sheet("Differences").to_polars()
    assert sorted(cells["A"].to_list()) == sorted([EVIL, FORMULA])
    with zipfile.ZipFile(path) as archive:
        sheets = [archive.read(name) for name in archive.namelist() if "worksheets/" in name]
    assert not any(b"<f>" in sheet or b"hyperlink" in sheet for sheet in sheets)


def test_the_workbook_of_the_airports_has_all_their_cells(outcome: workflow.Outcome, tmp_path: Path) -> None:
    book = fastexcel.read_excel(write("xlsx", outcome.document, files(outcome), tmp_path / "r.xlsx"))
    assert book.load_sheet("Differences").to_polars().height == 23_690
    summary = dict(book.load_sheet("Summary", header_row=None).to_polars().iter_rows())
    assert [summary[name] for name in ("Rows in A", "Only in B", "NULL keys in A", "Changed")] == [
        "28224",
        "686",
        "0",
        "12668",
    ]


def test_csv_has_every_cell_and_nothing_that_a_spreadsheet_runs(
    outcome: workflow.Outcome, hostile: workflow.Outcome, tmp_path: Path
) -> None:
    path = write("csv", outcome.document, files(outcome), tmp_path / "r.csv")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["ICAO", "column", "A", "B", "class"]
    assert len(rows) == 23_691
    with write("csv", hostile.document, files(hostile), path).open(encoding="utf-8-sig", newline="") as file:
        fields = {field for row in csv.reader(file) for field in row}
    assert "'" + FORMULA in fields
    assert not any(field.startswith("=") for field in fields)


@pytest.mark.parametrize(
    ("text", "written"),
    [("=1+1", "'=1+1"), ("@x", "'@x"), ("\tx", "'\tx"), ("-5", "-5"), ("+49.5", "+49.5"), ("-x", "'-x"), ("a", "a"),
     ("-1+cmd", "'-1+cmd"), ("", ""), ("-", "'-")],
)  # fmt: skip
def test_a_number_stays_a_number_and_a_formula_does_not(text: str, written: str) -> None:
    assert harmless(text) == written


def test_json_is_the_document(outcome: workflow.Outcome, tmp_path: Path) -> None:
    path = write("json", outcome.document, {}, tmp_path / "r.json")
    assert json.loads(path.read_text()) == json.loads(json.dumps(outcome.document))


def test_parquet_is_the_file_of_the_cells(outcome: workflow.Outcome, tmp_path: Path) -> None:
    path = write("parquet", outcome.document, files(outcome), tmp_path / "r.parquet")
    assert pq.read_metadata(path).num_rows == 23_690


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_without_the_file_of_cells_there_is_a_sentence(
    outcome: workflow.Outcome, kind: str, tmp_path: Path
) -> None:
    with pytest.raises(ReportError, match=r"kept no file of its 23,690 differing cells"):
        write(kind, outcome.document, {}, tmp_path / "r")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("csv", "parquet")])
def test_samples_alone_make_a_report(outcome: workflow.Outcome, kind: str, tmp_path: Path) -> None:
    assert write(kind, outcome.document, {}, tmp_path / "r").stat().st_size > 1000


@pytest.mark.parametrize(
    ("a", "b", "marks"),
    [
        ("59.94000", "59.94", (["000"], [])),
        ("Zürich", "Zurich", (["ü"], ["u"])),
        ("1.25", "1.75", (["25"], ["75"])),
        ("Berlin", "Munich", (["Berlin"], ["Munich"])),
        ("a b", "ab", ([" "], [])),
        (None, "x", ([], ["x"])),
    ],
)
def test_what_differs_is_marked(a: str | None, b: str | None, marks: tuple[list[str], list[str]]) -> None:
    found = marked(a, b)
    assert tuple([text for text, differs in side if differs] for side in found) == marks
    assert ["".join(text for text, _ in side) for side in found] == [a or "", b or ""]


def entry(path: Path, name: str = "differences.parquet") -> dict[str, Any]:
    data = path.read_bytes()
    return {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_a_result_file_is_checked_before_it_is_handed_out(tmp_path: Path) -> None:
    path = tmp_path / "job" / "7" / "differences.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"data")
    kept, known = KeptFiles(tmp_path), entry(path)
    assert kept.find("job", known) == path
    path.write_bytes(b"dat4")
    with pytest.raises(FileGoneError, match="not what it was"):
        kept.find("job", known)
    path.unlink()
    with pytest.raises(FileGoneError, match="no longer kept"):
        kept.find("job", known)


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s")
    with pytest.raises(FileGoneError, match="a file that is none"):
        KeptFiles(tmp_path / "results").find("job", entry(tmp_path / "secret", "../../secret"))


@pytest.mark.parametrize(
    ("piece", "shown"),
    [
        ("a b\t\r\n\u00a0", "a·b→␍⏎⍽"),
        ("e\u0301", "e\u25cc\u0301"),
        ("\u200b\u202e\x1b", "\\u200b\\u202e\\x1b"),
        ("<é日😀>", "<é日😀>"),
    ],
)
def test_what_differs_can_be_seen(piece: str, shown: str) -> None:
    assert visible(piece) == shown
