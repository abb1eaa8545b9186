"""Rows of an open result that had to be taken out of PostgreSQL before they were fetched."""

from __future__ import annotations

import marshal
import tempfile

from app.localdb.datarows import DataRows

_IN_MEMORY = 16_000_000  # bytes; beyond, a temporary file


class Spool:
    """Written in batches, rewound once, read in the same batches."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - lives as long as the result

    def write(self, rows: DataRows) -> None:
        marshal.dump((rows.data, list(rows.starts)), self._file)

    def rewind(self) -> None:
        self._file.seek(0)

    def read(self) -> DataRows | None:
        """The next batch, None at the end."""
        try:
            data, starts = marshal.load(self._file)
        except EOFError:
            return None
        return DataRows(data, starts)

    def close(self) -> None:
        self._file.close()
