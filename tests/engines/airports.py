"""The two airport releases as sources with decimal columns, as the demo's tables hold them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv

import app.demo
from worker.engines.sources.memory import MemorySource

BEFORE = "airports-20250811.csv.gz"
AFTER = "airports-20260905.csv.gz"


def airports(release: str, name: str) -> MemorySource:
    types = dict.fromkeys(("icao", "iata", "name", "city", "subd", "country", "tz", "lid"), pa.string())
    types |= {"elevation": pa.decimal128(8, 2), "lat": pa.decimal128(9, 6), "lon": pa.decimal128(9, 6)}
    with pa.input_stream(str(Path(app.demo.__file__).parent / "data" / release), compression="gzip") as file:
        table = pyarrow.csv.read_csv(
            file,
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(column_types=types),
        )
    return MemorySource(name, table.rename_columns([c.upper() for c in table.column_names]))
