"""docs/compare.md: every command in it runs, and gives the counts, messages and exit statuses that stand there.

Sentences about patterns may be worded anew elsewhere, so they are not held against the page; with
CONCORD_TEST_REWRITE=1 the page is written again with what the commands print now.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Instance

GUIDE = Path(__file__).parents[2] / "docs" / "compare.md"
BLOCK = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
HELD = re.compile(r"│|concord:|\d+$|differences/|the export ")
BYTES = re.compile(r", [\d,]+ bytes$")
SECONDS = re.compile(r"compared in [\d.]+ s")


def steps(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a block with the output that stands below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


@pytest.fixture
def address(database: Instance) -> Iterator[str]:
    """Where the guide's database is here; its table SALES.PRICES holds monday.csv."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f'create user sales identified by "{secrets.token_hex(10)}"')
        cursor.execute("grant unlimited tablespace to sales")
        cursor.execute(
            "create table sales.prices (sku varchar2(10) primary key, name varchar2(40), price number(9,2),"
            " stock number(9))"
        )
        rows = [("A-100", "Kettle", 29.9, 12), ("A-101", "Toaster", 34.5, 7), ("A-102", "Mixer", 59, 3)]
        cursor.executemany(
            "insert into sales.prices values (:1, :2, :3, :4)", [*rows, ("A-103", "Blender", 44.25, 0)]
        )
        connection.commit()
        yield f"{database.user}@{database.dsn}"
        cursor.execute("drop user sales cascade")


@pytest.mark.timeout(400)  # some twenty processes
def test_every_command_of_the_guide(address: str, database: Instance, tmp_path: Path) -> None:
    pq.write_table(pa.table({"sku": ["A-100", "A-101"], "stock": [12, 8]}), tmp_path / "expected.parquet")
    (tmp_path / "actual.csv").write_text("sku,stock\nA-100,12\nA-101,7\n")
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "COLUMNS": "80",
        "CONCORD_PASSWORD": database.password,
    }
    status, printed = 0, []

    def run(command: str, expected: str) -> str:
        nonlocal status
        if command.startswith("cat "):
            (tmp_path / command.removeprefix("cat ")).write_text(expected)
            return expected
        if command == "echo $?":
            return f"{status}\n"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command.replace("scott@dbhost:1521/FREEPDB1", address)],
            cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        status = done.returncode
        return done.stdout

    def block(found: re.Match[str]) -> str:
        written = ""
        for command, expected in steps(found[0]):
            output = run(command, expected)
            printed.append((command, expected, output))
            written += f"$ {command}\n{SECONDS.sub('compared in 0.4 s', output)}"
        return written

    page = BLOCK.sub(block, GUIDE.read_text())
    if os.environ.get("CONCORD_TEST_REWRITE"):
        GUIDE.write_text(page)
        return
    assert len(printed) > 15
    for command, expected, output in printed:
        held = [
            [BYTES.sub("", line) for line in text.splitlines() if HELD.match(line)]
            for text in (expected, output)
        ]
        assert held[1] == held[0], f"$ {command}\n{output}"
