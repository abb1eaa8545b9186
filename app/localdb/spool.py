"""Rows of an open result that had to be taken out of PostgreSQL before they were fetched."""

from __future__ import annotations

import marshal
import tempfile

from app.localdb.pg_messages import Row

_IN_MEMORY = 16_000_000  # bytes; beyond, a temporary file


class Spool:
    """Written in batches, rewound once, read in the same batches."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - lives as long as the result

    def write(self, rows: list[Row]) -> None:
        marshal.dump(rows, self._file)

    def rewind(self) -> None:
        self._file.seek(0)

    def read(self) -> list[Row] | None:
        """The next batch, None at the end."""
        try:
            batch: list[Row] = marshal.load(self._file)
        except EOFError:
            return None
        return batch

    def close(self) -> None:
        self._file.close()
