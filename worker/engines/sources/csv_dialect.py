"""How a CSV file is written: compression, encoding, delimiter, names of the columns. Detected or given."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pyarrow as pa

from worker.engines.errors import BadPlan, FileFailed

SAMPLE_BYTES = 1 << 20
MAX_RECORD_BYTES = 1 << 23
MAX_COLUMNS = 4096
_SAMPLE_RECORDS = 500
_DELIMITERS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMPRESSIONS = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bz2"))


@dataclass(frozen=True, slots=True)
class CsvOptions:
    """What the requester says of a CSV file; None means detected.

    `nulls` are the unquoted texts that mean NULL. `types` gives the types of some columns (by name, as
    NUMBER(9,2), DATE, TEXT, ...). `bad_lines` is how many lines with the wrong number of fields may be left
    out (and reported) before the reading is given up.
    """

    delimiter: str | None = None
    quote: str = '"'
    encoding: str | None = None
    header: bool = True
    nulls: tuple[str, ...] = ("",)
    decimal: str = "."
    types: Mapping[str, str] = field(default_factory=dict)
    bad_lines: int = 0


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is to be read. `columns` are the names, `compression` as pyarrow calls it.

    `header_only`: the file ends within the line of the header, for which Arrow has only a misleading error.
    """

    compression: str | None
    encoding: str
    delimiter: str
    quote: str
    header: bool
    columns: tuple[str, ...]
    header_only: bool


def detect(path: Path, name: str, options: CsvOptions) -> Dialect:
    """Look at the beginning of the file. Raises FileFailed or BadPlan with a sentence; OSError."""
    compression = compression_of(path)
    with pa.input_stream(str(path), compression=compression) as stream:
        start = stream.read(SAMPLE_BYTES)
    encoding = _encoding(start, options, name)
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    text = decoder.decode(start)
    delimiter = options.delimiter or _delimiter(text, options.quote, whole=len(start) < SAMPLE_BYTES)
    first = next(iter(_records(text, delimiter, options.quote)), None)
    if first is None:
        raise FileFailed(f"{name} is empty; not even a header is there.")
    names = column_names(first if options.header else [""] * len(first), name)
    only = options.header and len(start) < SAMPLE_BYTES and not set(text) & {"\n", "\r"}
    return Dialect(compression, encoding, delimiter, options.quote, options.header, names, only)


def compression_of(path: Path) -> str | None:
    """By the first bytes, not by the name."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((kind for magic, kind in _COMPRESSIONS if start.startswith(magic)), None)


def lines(path: Path, dialect: Dialect) -> Iterator[str]:
    """The file's lines as text, with their ends. Raises UnicodeDecodeError and OSError."""
    with pa.input_stream(str(path), compression=dialect.compression) as stream:
        # A pyarrow stream is file-like enough to be buffered and decoded by Python.
        binary: IO[bytes] = io.BufferedReader(_Raw(stream), 1 << 20)
        yield from io.TextIOWrapper(binary, dialect.encoding, newline="")


class _Raw(io.RawIOBase):
    def __init__(self, stream: pa.NativeFile) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _encoding(start: bytes, options: CsvOptions, name: str) -> str:
    if options.encoding is not None:
        try:
            known = codecs.lookup(options.encoding)
            known.incrementaldecoder().decode(b"")
        except (LookupError, TypeError):
            raise BadPlan(f"There is no text encoding {options.encoding!r}.") from None
        return "utf-8-sig" if known.name == "utf-8" else known.name
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if b"\0" in start:
        for encoding, zero in (("utf-16-le", 1), ("utf-16-be", 0)):
            if start[zero::2].count(0) > len(start) // 4 and not start[1 - zero :: 2].count(0):
                return encoding
        raise FileFailed(f"{name} holds NUL bytes: it is no CSV file, or give its encoding.")
    return "utf-8-sig"


def _records(text: str, delimiter: str, quote: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    try:
        for record in reader:
            if record:
                yield record
    except csv.Error:
        return


def _delimiter(text: str, quote: str, *, whole: bool) -> str:
    """The delimiter by which most records have as many fields as the first; more fields win a tie."""
    best, best_score = ",", (0.0, 1)
    for candidate in _DELIMITERS:
        records = []
        for record in _records(text, candidate, quote):
            records.append(record)
            if len(records) == _SAMPLE_RECORDS:
                break
        if not whole and 1 < len(records) < _SAMPLE_RECORDS:
            records.pop()  # cut in the middle
        if not records or len(records[0]) < 2:
            continue
        alike = sum(len(record) == len(records[0]) for record in records) / len(records)
        best, best_score = max((best, best_score), (candidate, (alike, len(records[0]))), key=lambda b: b[1])
    return best


def column_names(header: list[str], name: str) -> tuple[str, ...]:
    """The columns' names: what the header says, without blanks around, COLUMN_n where it says nothing.

    Raises FileFailed for two equal names, or too many; `name` is the file's.
    """
    if len(header) > MAX_COLUMNS:
        raise FileFailed(f"{name} has {len(header):,} columns; at most {MAX_COLUMNS:,} are compared.")
    names = tuple(text.strip() or f"COLUMN_{n}" for n, text in enumerate(header, start=1))
    for position, column in enumerate(names):
        if column in names[:position]:
            raise FileFailed(f"{name} has two columns named {column}; give each its own name.")
    return names
