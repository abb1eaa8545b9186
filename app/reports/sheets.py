"""The report as an Excel workbook and as CSV. No cell of either is ever run as a formula."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook
from xlsxwriter.worksheet import Worksheet

from app.reports import view
from app.reports.cells import Cells

SHEET_ROWS = 1_048_575
"""Rows of a worksheet below its heading, as Excel has them."""
_CELL_LENGTH = 32_767
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def workbook(document: dict[str, Any], cells: Cells, target: Path) -> None:
    """Write the workbook: summary, columns, patterns, differing cells, rows only in A or B.

    Rows are written one after another and not kept (constant memory). Every text is written as text.
    """
    book = xlsxwriter.Workbook(
        str(target),
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        },
    )
    try:
        _Sheets(book, document, cells).write()
    finally:
        book.close()


class _Sheets:
    def __init__(self, book: Workbook, document: dict[str, Any], cells: Cells) -> None:
        self._book = book
        self._document = document
        self._cells = cells
        self._heading: Format = book.add_format({"bold": True, "bg_color": "#E4E7EC"})
        self._number: Format = book.add_format({"num_format": "#,##0"})
        self._bold: Format = book.add_format({"bold": True})
        self._left: Format = book.add_format({"num_format": "#,##0", "align": "left"})
        self._percent: Format = book.add_format({"num_format": "0.00%"})
        self._wrapped: Format = book.add_format({"text_wrap": True, "align": "left", "valign": "top"})

    def write(self) -> None:
        self._summary()
        self._columns()
        self._patterns()
        self._differences()
        for side, title in (("only_a", "Only in A"), ("only_b", "Only in B")):
            self._alone(side, title)

    def _summary(self) -> None:
        document, sheet = self._document, self._book.add_worksheet("Summary")
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, 1, 90, self._wrapped)
        _fit_to_page(sheet)
        compared, found = document["compared"], view.verdict(document)
        rows: list[tuple[str, Any]] = [
            ("Result", found.headline),
            ("", found.detail),
            ("A, the reference", view.side_name(compared["source"])),
            ("B, the candidate", view.side_name(compared["target"])),
            ("Key", ", ".join(document["schema"]["key"])),
            *((_words(name), value) for name, value in document["summary"].items()),
            ("Started", compared["started_at"]),
            ("Seconds", compared["seconds"]),
            *((f"Rule of {name}", rule) for name, rule in view.rules_of(document)),
        ]
        for number, (name, value) in enumerate(rows):
            sheet.write_string(number, 0, name, self._bold)
            self._put(sheet, number, 1, value, self._left if isinstance(value, int) else self._wrapped)

    def _columns(self) -> None:
        sheet = self._sheet("Columns", ["Column", "Cells", "Share of matched", "NULL against value", "Largest difference", "Mean difference", "What happened"], [24, 12, 16, 18, 18, 18, 80])  # fmt: skip
        for number, column in enumerate(self._document["columns"], start=1):
            values = [
                column["name"],
                column["different"],
                column.get("share"),
                column["null_against_value"],
                column.get("largest_difference"),
                column.get("mean_difference"),
                view.story(column) if column["different"] else "the same everywhere",
            ]
            for place, value in enumerate(values):
                self._put(sheet, number, place, value, self._percent if place == 2 else None)
        last = len(self._document["columns"])
        if last:
            sheet.conditional_format(
                1, 1, last, 1, {"type": "data_bar", "bar_color": "#F79009", "bar_solid": True}
            )

    def _patterns(self) -> None:
        sheet = self._sheet("Patterns", ["Column", "Kind", "Cells", "What happened", "Example key", "A", "B"], [24, 24, 12, 80, 24, 30, 30])  # fmt: skip
        number = 0
        for column in self._document["columns"]:
            for pattern in column["patterns"]:
                number += 1
                example = pattern["examples"][0] if pattern["examples"] else {"key": {}, "a": None, "b": None}
                key = ", ".join("NULL" if v is None else v for v in example["key"].values())
                kind = view.class_name(pattern["class"])
                values = [
                    column["name"],
                    kind,
                    pattern["count"],
                    pattern["sentence"],
                    key,
                    example["a"],
                    example["b"],
                ]
                for place, value in enumerate(values):
                    self._put(sheet, number, place, value)

    def _differences(self) -> None:
        cells = self._cells
        sheet = self._sheet("Differences", cells.headings, [20] * len(cells.headings))
        number = 0
        for batch in cells.batches():
            for row in batch[: SHEET_ROWS - number]:
                number += 1
                for place, value in enumerate(row):
                    self._put(sheet, number, place, value)
        if number < cells.total:
            note = self._book.add_worksheet("Not shown")
            why = (
                "Excel has no more rows in a sheet; the CSV and Parquet reports have all."
                if cells.complete
                else "This comparison kept samples only."
            )
            note.write_string(
                0, 0, f"{number:,} of {cells.total:,} differing cells are in the sheet Differences. {why}"
            )

    def _alone(self, side: str, title: str) -> None:
        samples = self._document["samples"][side]
        if not samples:
            return
        names = list(samples[0]["row"])
        total = self._document["summary"][side]
        sheet = self._sheet(title, names, [18] * len(names))
        for number, sample in enumerate(samples, start=1):
            for place, value in enumerate(sample["row"].values()):
                self._put(sheet, number, place, value)
        if len(samples) < total:
            sheet.write_string(
                len(samples) + 2, 0, f"{len(samples):,} of {total:,} rows are shown.", self._bold
            )

    def _sheet(self, name: str, headings: list[str], widths: list[int]) -> Worksheet:
        sheet = self._book.add_worksheet(name)
        for place, width in enumerate(widths):
            sheet.set_column(place, place, width)
        for place, heading in enumerate(headings):
            sheet.write_string(0, place, heading, self._heading)
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        _fit_to_page(sheet)
        return sheet

    def _put(
        self, sheet: Worksheet, row: int, place: int, value: Any, number_format: Format | None = None
    ) -> None:
        if value is None:
            return
        if isinstance(value, int | float):
            whole = self._number if isinstance(value, int) else None
            sheet.write_number(row, place, value, number_format or whole)
        else:
            sheet.write_string(row, place, str(value)[:_CELL_LENGTH])


def _fit_to_page(sheet: Worksheet) -> None:
    """Printed, all columns stand on one page's width."""
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _words(name: str) -> str:
    """A name of the summary as words: "Rows in A"."""
    words = name.replace("_", " ").capitalize().replace("Null", "NULL")
    return f"{words[:-2]} in {words[-1].upper()}" if words.endswith((" a", " b")) else words


def comma_separated(cells: Cells, target: Path) -> None:
    """Write every differing cell as CSV (UTF-8 with a byte order mark, RFC 4180); NULL is an empty field.

    A text that a spreadsheet would take for a formula gets an apostrophe before it; a number stays a number.
    """
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([harmless(name) for name in cells.headings])
        for batch in cells.batches():
            writer.writerows([harmless(value) for value in row] for row in batch)


def harmless(value: str | None) -> str | None:
    """A field that no spreadsheet runs (CWE-1236)."""
    if value is None or not value.startswith(_FORMULA_STARTS) or _is_number(value):
        return value
    return "'" + value


def _is_number(text: str) -> bool:
    digits = text[1:].replace(".", "", 1)
    return text[0] in "+-" and digits.isascii() and digits.isdigit()
