"""The report as one HTML page that needs nothing else: styles and charts are in it, scripts are not."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from app.reports import view
from app.reports.charts import stacked_bar
from app.reports.marks import Piece, marked, visible

_TEMPLATES = Path(__file__).parent / "templates"


def html(document: dict[str, Any]) -> str:
    """The page for a result document. Everything from the document is escaped."""
    names = view.side_names(document)
    return _template().render(
        document=document,
        summary=document["summary"],
        schema=document["schema"],
        compared=document["compared"],
        samples=document["samples"],
        files=document.get("files") or [],
        name_a=names[0],
        name_b=names[1],
        verdict=view.verdict(document),
        differing=[column for column in document["columns"] if column["different"]],
        same=[column["name"] for column in document["columns"] if not column["different"]],
        rules=view.rules_of(document),
        suggested=view.suggested_rules(document),
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        stacked_bar=stacked_bar,
        row_parts=view.row_parts,
        class_parts=view.class_parts,
        class_name=view.class_name,
        percent=view.percent,
        story=view.story,
        distance=view.distance,
        readings=view.readings,
        pair=_pair,
    )
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["value"] = _value
    environment.filters["key"] = _key
    return environment.get_template("report.html")


def _pair(a: str | None, b: str | None) -> tuple[Markup, Markup]:
    """Both values with what differs marked, NULL as such, and white space made visible where it differs."""
    pieces_a, pieces_b = marked(a, b)
    return _shown(a, pieces_a), _shown(b, pieces_b)


def _shown(text: str | None, pieces: list[Piece]) -> Markup:
    if text is None:
        return Markup('<span class="null">NULL</span>')
    shown = [
        Markup("<mark>{}</mark>").format(visible(piece)) if differs else escape(piece)
        for piece, differs in pieces
    ]
    return Markup("").join(shown)


def _value(text: str | None) -> Markup:
    return Markup('<span class="null">NULL</span>') if text is None else escape(text)


def _key(key: dict[str, str | None]) -> Markup:
    return Markup(", ").join(_value(text) for text in key.values())
