"""The result document as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from app.reports import view
from app.reports.marks import Piece, marked, visible

_SAMPLES = 3  # rows shown of each kind
_SUGGESTIONS = 2
_LONGEST = 200  # characters of a value
_AROUND = 20  # characters of what is equal before and after a difference


def show(console: Console, document: dict[str, Any], seconds: float) -> None:
    """Counts, columns by mismatches, what happened in them, and three sample rows of each kind."""
    console.print(Panel(_counts(document), title=_title(document), border_style="cyan", expand=False))
    differing = [column for column in document["columns"] if column["different"]]
    if differing:
        console.print(_columns(differing, document["summary"]["matched"]))
    for section in _samples(document["samples"]):
        console.print(section)
    console.print(f"[dim]compared in {seconds:.1f} s[/]")


def suggest(console: Console, document: dict[str, Any]) -> None:
    """The first rule that is suggested for each of the worst columns, a line each."""
    found = [column["suggestions"][0] for column in document["columns"] if column.get("suggestions")]
    for suggestion in found[:_SUGGESTIONS]:
        console.print(Text(printable(suggestion["sentence"]), style="cyan"))


def _title(document: dict[str, Any]) -> str:
    a, b = (escape(printable(name)) for name in view.side_names(document))
    return f"[bold]{a}[/] against [bold]{b}[/]"


def _counts(document: dict[str, Any]) -> RenderableType:
    summary = document["summary"]
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_column(style="dim")
    key = ", ".join(document["schema"]["key"])
    for name, value, note in (
        ("rows in A", summary["rows_a"], "the reference"),
        ("rows in B", summary["rows_b"], "the candidate"),
        ("matched", summary["matched"], f"by {escape(printable(key))} ({document['schema']['key_origin']})"),
        ("[green]equal[/]", summary["equal"], f"{summary['match_percentage']} % of all rows"),
        ("[yellow]changed[/]", summary["changed"], "in at least one column"),
        ("[red]only in A[/]", summary["only_a"], "missing in B"),
        ("[red]only in B[/]", summary["only_b"], "new in B"),
    ):
        grid.add_row(name, f"{value:,}", note)
    for side in "ab":
        for kind in ("duplicate", "null"):
            if count := summary[f"{kind}_keys_{side}"]:
                grid.add_row(
                    f"[red]{kind} keys in {side.upper()}[/]", f"{count:,}", "paired by value, see samples"
                )
    return grid


def _columns(columns: list[dict[str, Any]], matched: int) -> RenderableType:
    table = Table(title="Columns by mismatches", title_justify="left", title_style="bold", box=None)
    table.add_column("column", style="bold")
    table.add_column("cells", justify="right")
    table.add_column("of matched", justify="right")
    table.add_column("")
    table.add_column("what happened")
    for column in sorted(columns, key=lambda column: -column["different"]):
        table.add_row(
            escape(printable(column["name"])),
            f"{column['different']:,}",
            view.percent(column["different"], matched),
            Text(_bar(column["different"], matched), style="yellow"),
            escape(printable(view.story(column, counted=True))),
        )
    return table


def _bar(part: int, whole: int) -> str:
    """A share as a bar of up to 20 characters, in eighths; what is there is seen."""
    eighths = max(1, round(160 * part / whole)) if whole else 0
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _samples(samples: dict[str, Any]) -> Iterable[RenderableType]:
    if changed := samples["changed"][:_SAMPLES]:
        table = Table(box=None, show_header=True, padding=(0, 2, 0, 0))
        for heading in ("key", "column", "A", "B"):
            table.add_column(heading, overflow="fold")
        for row in changed:
            for number, cell in enumerate(row["cells"]):
                key = _values(row["key"]) if number == 0 else ""
                pieces = marked(cell["a"], cell["b"])
                values = (_marked(cell[side], part) for side, part in zip("ab", pieces, strict=True))
                table.add_row(Text(key), Text(printable(cell["column"])), *values)
        yield Group(Text("\nChanged, for example", style="bold yellow"), table)
    for kind, title in (
        ("only_a", "Only in A"),
        ("only_b", "Only in B"),
        ("duplicates_a", "Duplicate keys in A"),
        ("duplicates_b", "Duplicate keys in B"),
    ):
        rows = samples.get(kind, [])[:_SAMPLES]
        if rows:
            yield Group(
                Text(f"\n{title}", style="bold red"),
                *(Text(_row(row), no_wrap=True, overflow="ellipsis") for row in rows),
            )


def _marked(value: str | None, pieces: list[Piece]) -> Text:
    """A value with what differs in another colour; of long pieces, both ends of what is equal, the start of the rest."""
    if value is None:
        return Text("NULL", style="dim")
    shown = Text()
    for number, (piece, differs) in enumerate(pieces):
        if differs:
            shown.append(visible(_start(piece)), style="yellow")
        elif len(piece) <= 3 * _AROUND:
            shown.append(printable(piece))
        else:
            head = piece[:_AROUND] if number else ""
            tail = piece[-_AROUND:] if number == 0 or number + 1 < len(pieces) else ""
            shown.append(printable(f"{head}…{tail}"))
    return shown


def _start(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _row(row: dict[str, Any]) -> str:
    cells = row.get("row", {}).items()
    shown = [_value(value) for name, value in cells if value is not None and name not in row["key"]]
    return f"{_values(row['key'])}  " + " · ".join(shown)


def _values(key: dict[str, Any]) -> str:
    return ", ".join(_value(value) for value in key.values())


def _value(value: object) -> str:
    return "NULL" if value is None else printable(_start(str(value)))


def printable(text: str) -> str:
    """Control characters as \\x1b and the like: values of a table must not steer the reader's terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
