"""The records of a CSV file as batches of text, and the lines that are none."""

from __future__ import annotations

import codecs
import csv
import io
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from worker.engines.errors import FileFailed
from worker.engines.sources.csv_dialect import MAX_RECORD_BYTES, CsvOptions, Dialect, lines

_BLOCK_BYTES = MAX_RECORD_BYTES
_BLOCKS_AHEAD = 3
"""Blocks that are read before their records are asked for; Arrow itself would read 32 ahead, 256 MB."""
_ALL_BLOCKS = 64
"""More than Arrow reads ahead: its thread need not wait any more."""
_LONGEST_WAIT_S = 1.0
"""For records: a block of bad lines alone has none."""
_SHOWN_BAD_LINES = 20
_SHOWN_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class BadLine:
    """A record with the wrong number of fields. `record` counts from 1 and does not count empty lines."""

    record: int
    fields: int
    expected: int
    text: str


class Records:
    """One reading of a file from beginning to end. `number` is how many records were delivered."""

    def __init__(self, path: Path, name: str, dialect: Dialect, options: CsvOptions) -> None:
        self.bad: list[BadLine] = []
        self.bad_count = 0
        self.number = 0
        self.bytes_read = 0
        self._path = path
        self._name = name
        self._dialect = dialect
        self._options = options

    def batches(self, columns: Sequence[str], *, check: bool = False) -> Iterator[pa.RecordBatch]:
        """Text columns with the wanted names, in the file's order of rows.

        With `check`, quotes are proved to be balanced: an open quote would swallow lines unseen. Raises
        FileFailed with line and reason once there are more bad lines than allowed.
        """
        dialect = self._dialect
        if dialect.header_only:
            return
        names = [f"c{n}" for n in range(len(dialect.columns))]
        wanted = [names[dialect.columns.index(column)] for column in columns]
        with pa.input_stream(str(self._path), compression=dialect.compression) as stream:
            utf8 = _Utf8(stream, dialect)
            try:
                reader = pa.csv.open_csv(
                    pa.PythonFile(utf8, mode="r"),
                    read_options=pa.csv.ReadOptions(
                        column_names=names,
                        skip_rows_after_names=1 if dialect.header else 0,
                        block_size=_BLOCK_BYTES,
                        use_threads=False,  # only then are records numbered
                    ),
                    parse_options=pa.csv.ParseOptions(
                        delimiter=dialect.delimiter,
                        quote_char=dialect.quote,
                        newlines_in_values=True,
                        ignore_empty_lines=len(names) > 1,
                        invalid_row_handler=self._note_bad,
                    ),
                    convert_options=pa.csv.ConvertOptions(
                        column_types={name: pa.string() for name in names},
                        include_columns=wanted or names[:1],
                        strings_can_be_null=True,
                        quoted_strings_can_be_null=False,
                        null_values=list(self._options.nulls),
                    ),
                )
                for batch in reader:
                    utf8.taken()
                    self._check_bad()
                    self.bytes_read = utf8.bytes
                    self.number += batch.num_rows
                    arrays = [_empty_as_null(batch.column(name)) for name in wanted]
                    yield pa.RecordBatch.from_arrays(arrays, list(columns))
            except pa.ArrowInvalid as error:
                self._check_bad()
                raise self._explained(error) from error
            finally:
                utf8.taken(_ALL_BLOCKS)
            self._check_bad()
            if check and utf8.may_hide_lines(self.number + self.bad_count + dialect.header):
                self._check_quotes()

    def lines_of(self, records: Sequence[int]) -> list[int]:
        """The line (from 1) on which each record begins; `records` ascend and count as in BadLine."""
        found: list[int] = []
        begin = number = 0
        reader = self._reader(strict=False)
        while len(found) < len(records):
            try:
                record = next(reader)
            except (StopIteration, csv.Error):
                break
            if record or len(self._dialect.columns) == 1:
                number += 1
                while len(found) < len(records) and number == records[len(found)]:
                    found.append(begin + 1)
            begin = reader.line_num
        return found + [begin + 1] * (len(records) - len(found))

    def described(self) -> list[dict[str, object]]:
        """The first bad lines: line and reason."""
        shown = self.bad[:_SHOWN_BAD_LINES]
        numbers = self.lines_of([bad.record for bad in shown])
        return [{"line": line, "reason": _reason(bad)} for line, bad in zip(numbers, shown, strict=True)]

    def _note_bad(self, row: pa.csv.InvalidRow) -> str:
        self.bad_count += 1
        if len(self.bad) < _SHOWN_BAD_LINES:
            self.bad.append(
                BadLine(
                    row.number or 0, row.actual_columns, row.expected_columns, row.text[:_SHOWN_CHARACTERS]
                )
            )
        return "skip"

    def _check_bad(self) -> None:
        if self.bad_count <= self._options.bad_lines:
            return
        first = self.described()[0]
        where = f"line {first['line']}: {first['reason']}"
        if self._options.bad_lines:
            sentence = f"has more than the {self._options.bad_lines} bad lines that are allowed; the first is {where}"
        else:
            sentence = f"has a bad line, {where}"
        raise FileFailed(f"{self._name} {sentence}. The file was not compared.")

    def _explained(self, error: pa.ArrowInvalid) -> FileFailed:
        text = str(error)
        if "straddling" in text or "block" in text:
            self._check_quotes()
            return FileFailed(
                f"{self._name} has a record longer than {MAX_RECORD_BYTES >> 20} MiB; it cannot be compared."
            )
        if "UTF8" in text or "UTF-8" in text:
            return self._undecodable()
        return FileFailed(f"{self._name} cannot be read as CSV: {text.splitlines()[0].rstrip('.')}.")

    def _undecodable(self) -> FileFailed:
        dialect = self._dialect
        decoder = codecs.getincrementaldecoder(dialect.encoding)()
        line = 1
        with pa.input_stream(str(self._path), compression=dialect.compression) as stream:
            while data := stream.read(1 << 20):
                try:
                    line += decoder.decode(data).count("\n")
                except UnicodeDecodeError as error:
                    line += error.object[: error.start].count(b"\n")
                    byte = error.object[error.start]
                    named = dialect.encoding.removesuffix("-sig").upper()
                    return FileFailed(
                        f"{self._name}, line {line}: byte 0x{byte:02X} is not {named}. "
                        "Give the file's encoding, for example windows-1252."
                    )
        return FileFailed(f"{self._name} is not valid text; give its encoding.")

    def _reader(self, *, strict: bool) -> Any:  # a csv.reader, whose type has no public name
        csv.field_size_limit(MAX_RECORD_BYTES)
        text, dialect = lines(self._path, self._dialect), self._dialect
        return csv.reader(text, delimiter=dialect.delimiter, quotechar=dialect.quote, strict=strict)

    def _check_quotes(self) -> None:
        """Read again, slowly and strictly. Raises FileFailed at the first quote out of place."""
        reader = self._reader(strict=True)
        begin = 0
        try:
            for _ in reader:
                begin = reader.line_num
        except csv.Error as error:
            if "field limit" in str(error):
                return  # a long value, not a lost quote
            raise FileFailed(
                f"{self._name}, line {begin + 1}: a quote is out of place or never closed, so that lines after "
                "it would be swallowed. The file was not compared."
            ) from None


class _Utf8(io.RawIOBase):
    """The file as UTF-8 without a byte order mark, counting what tells whether quotes may hide lines."""

    def __init__(self, stream: pa.NativeFile, dialect: Dialect) -> None:
        self._stream = stream
        self._quote = dialect.quote.encode()
        plain = dialect.encoding in ("utf-8", "utf-8-sig", "ascii")
        self._decoder = None if plain else codecs.getincrementaldecoder(dialect.encoding)()
        self.bytes = 0
        self._quotes = 0
        self._newlines = 0
        self._ahead = threading.Semaphore(_BLOCKS_AHEAD)

    def readable(self) -> bool:
        return True

    def taken(self, blocks: int = 1) -> None:
        """The records of a block were delivered: another one may be read."""
        self._ahead.release(blocks)

    def read(self, size: int = -1) -> bytes:
        """At least one byte, or none at the end. Called by a thread of Arrow, which reads ahead."""
        self._ahead.acquire(timeout=_LONGEST_WAIT_S)
        while True:
            data: bytes = self._stream.read(size if size >= 0 else None)
            self.bytes += len(data)
            ended = not data
            if self._decoder is not None:
                try:
                    data = self._decoder.decode(data, final=ended).encode()
                except UnicodeDecodeError as error:
                    raise pa.ArrowInvalid("invalid UTF8") from error
            self._quotes += data.count(self._quote)
            self._newlines += data.count(b"\n")
            if data or ended:
                return data

    def may_hide_lines(self, records: int) -> bool:
        """Whether a quoted value may hold a line break (or an empty line stands between records)."""
        return self._quotes % 2 == 1 or (self._quotes > 0 and self._newlines > records)


def _empty_as_null(texts: pa.Array) -> pa.Array:
    empty = pc.equal(pc.binary_length(texts), 0)
    return pc.if_else(empty, None, texts) if pc.any(empty).as_py() else texts


def _reason(bad: BadLine) -> str:
    hint = "; a quote may not be closed" if "\n" in bad.text else ""
    shown = " ".join(bad.text.split())
    return f"{bad.fields} fields in place of {bad.expected} ({shown}){hint}"
