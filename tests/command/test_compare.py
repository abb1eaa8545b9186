"""`concord compare` as a script sees it: exit status, standard output, standard error."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import app.demo
from app.cli import main
from tests.conftest import Instance

AIRPORTS = Path(app.demo.__file__).parent / "data"
COMMAND = [sys.executable, "-m", "app.cli", "compare"]


def run(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Three tables: equal.parquet and a.csv hold the same, b.csv differs."""
    (tmp_path / "a.csv").write_text("id,name,amount\n1,one,1.50\n2,two,\n3,three,3\n")
    (tmp_path / "b.csv").write_text("id,name,amount\n1,one,1.51\n2,TWO,\n4,four,4\n")
    amounts = pa.array([None, 3, 1.5]).cast(pa.decimal128(9, 2))
    pq.write_table(
        pa.table({"ID": [2, 3, 1], "NAME": ["two", "three", "one"], "AMOUNT": amounts}),
        tmp_path / "equal.parquet",
    )
    return tmp_path


def test_equal_tables_end_with_0(files: Path) -> None:
    done = run(files / "a.csv", files / "equal.parquet", "--key", "id")
    assert (done.returncode, done.stderr) == (0, "")
    assert "100.0 % of all rows" in done.stdout


def test_different_tables_end_with_1_and_show_what_differs(files: Path) -> None:
    done = run(files / "a.csv", files / "b.csv", "--key", "id")
    assert (done.returncode, done.stderr) == (1, "")
    for word in ("only in A", "by id (given)", "amount", "1.51", "TWO"):
        assert word in done.stdout


def test_values_steer_neither_the_layout_nor_the_terminal(files: Path) -> None:
    for name, mark in (("m.csv", "x"), ("n.csv", "y")):
        (files / name).write_text(f"id,[v],w\n1,[/]{mark},\x1b]0;owned\x07{mark}\n2,[red]{mark},a\n")
    done = run("m.csv", "n.csv", cwd=files)
    assert (done.returncode, done.stderr) == (1, "")
    assert "\x1b" not in done.stdout
    for word in ("[/]x", "[red]y", "[v]", r"\x1b]0;owned\x07x", "The key id was found: unique in A and in B"):
        assert word in done.stdout


def test_of_long_values_what_differs_is_shown_and_what_cannot_be_seen_made_visible(files: Path) -> None:
    long = "z" * 5_000
    (files / "m.csv").write_text(f"id,v\n1,{long}end\n2,{long}q{long}\n3,x\n")
    (files / "n.csv").write_text(f"id,v\n1,{long}\n2,{long}r{long}\n3,x \n")
    done = run("m.csv", "n.csv", cwd=files, env={**os.environ, "COLUMNS": "200"})
    assert (done.returncode, done.stderr) == (1, "")
    shown = [line.split() for line in done.stdout.splitlines() if " v " in line][-3:]
    assert shown == [
        ["1", "v", f"…{'z' * 20}end", f"…{'z' * 20}"],
        ["2", "v", f"…{'z' * 20}q{'z' * 20}…", f"…{'z' * 20}r{'z' * 20}…"],
        ["3", "v", "x", "x·"],
    ]


def test_json_is_the_result_document(files: Path) -> None:
    done = run(
        files / "a.csv", files / "b.csv", "--key=ID", "--json", "--tolerance", "AMOUNT=0.01", "--paranoid"
    )
    document = json.loads(done.stdout)
    assert document["compared"]["paranoid"]
    summary = document["summary"]
    assert done.returncode == 1
    assert (summary["matched"], summary["changed"], summary["only_a"], summary["only_b"]) == (2, 1, 1, 1)
    assert document["compared"]["reading_a"]["kind"] == "csv"
    assert document["compared"]["reading_b"]["delimiter"] == ","


def test_quiet_prints_nothing(files: Path) -> None:
    done = run(files / "a.csv", files / "b.csv", "--key=ID", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_reports_are_written_beside_the_result_files(files: Path) -> None:
    done = run("a.csv", "b.csv", "--export", "out", "--report", "html,xlsx,csv,json", "--quiet", cwd=files)
    assert (done.returncode, done.stderr) == (1, "")
    written = {path.name for path in (files / "out").iterdir()}
    assert written >= {"report.html", "report.xlsx", "report.csv", "result.json", "differences.parquet"}
    assert json.loads((files / "out" / "result.json").read_text())["summary"]["changed"] == 2
    assert "TWO" in (files / "out" / "report.csv").read_text()


def test_the_airports(tmp_path: Path) -> None:
    releases = (AIRPORTS / "airports-20250811.csv.gz", AIRPORTS / "airports-20260905.csv.gz")
    document = json.loads(run(*releases, "--key", "icao", "--json").stdout)
    summary = document["summary"]
    assert (summary["rows_a"], summary["rows_b"], summary["only_a"], summary["only_b"]) == (
        28_224, 28_298, 612, 686,
    )  # fmt: skip
    assert summary["changed"] == 12_668
    different = {column["name"]: column["different"] for column in document["columns"]}
    assert (different["lat"], different["lon"], different["tz"]) == (11_038, 10_993, 8)
    profile = tmp_path / "coordinates.json"
    profile.write_text(
        '{"key": ["icao"], "rules": {"LAT": {"tolerance": "0.00001"}, "LON": {"tolerance": "0.00001"}}}'
    )
    document = json.loads(run(*releases, "--profile", profile, "--json").stdout)
    assert document["summary"]["changed"] == 1_949


def test_ignored_and_renamed_columns(files: Path) -> None:
    (files / "c.csv").write_text("nr,name,amount,extra\n1,one,1.5,x\n2,two,,y\n3,three,3,z\n")
    same = (files / "a.csv", files / "c.csv", "--key", "id", "--map", "id=nr", "--quiet")
    assert run(*same).returncode == 1  # B has a column more
    assert run(*same, "--ignore", "extra").returncode == 0
    assert run(*same, "--columns", "name,amount").returncode == 0


def test_options_of_a_side(files: Path) -> None:
    (files / "d.txt").write_bytes("1;one;1,50\n2;two;NA\n3;three;3\n".encode("utf-16"))
    options = "header=no,decimal=comma,null=NA".replace("comma", ",").replace(",null", "|null")
    done = run(
        files / "a.csv", files / "d.txt", "--key", "id", "--b", "header=no", "--b", "decimal=,", "--b", "null=NA",
        "--map", "id=COLUMN_1", "--map", "name=COLUMN_2", "--map", "amount=COLUMN_3",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), options


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.csv", "nothing.csv"], "There is no file nothing.csv."),
        (["a.csv", "."], ". is a folder; give one file."),
        (["a.csv", "b.csv", "--key", "nr"], "The key column NR does not exist in a.csv. Its columns are"),
        (["a.csv", "b.csv", "--key", "id", "--tolerance", "name=1"], "the rule tolerance has no meaning there"),
        (["a.csv", "b.csv", "--tolerance", "amount"], "write COL=0.01"),
        (["a.csv", "b.csv", "--tolerance", "amount=x"], "'x' is not a number"),
        (["a.csv", "b.csv", "--memory-limit", "lots"], "write a size like 2GB"),
        (["a.csv", "b.csv", "--memory-limit", "10MB"], "--memory-limit must be at least 320MB"),
        (["a.csv", "b.csv", "--threads", "0"], "--threads must be 1 or more"),
        (["a.csv", "b.csv", "--profile", "nothing.json"], "The profile nothing.json cannot be read"),
        (["a.csv", "b.csv", "--profile", "a.csv"], "The profile a.csv is not valid"),
        (["a.csv", "b.csv", "--a", "color=red"], "there is no option color"),
        (["a.csv", "equal.parquet", "--b", "delimiter=;"], "the options of CSV do not apply"),
        (["a.csv", "b.csv", "--work-dir", "nowhere"], "--work-dir nowhere"),
        (["a.csv", "b.csv", "--export", "a.csv"], "--export a.csv"),
        (["a.csv", "b.csv", "--export", "out", "--report", "pdf"], "There is no report 'pdf'"),
        (["a.csv", "b.csv", "--report", "report.html"], "--report writes to the folder of --export"),
        (["a.csv", "b.csv", "--repair"], "--repair writes to the folder of --export"),
        (["a.csv", "oracle://scott:tiger@host/service?table=T"], "The password of side B stands in its address"),
        (["a.csv", "oracle://host/service?table=T"], "write oracle://user@host:port/service?table=OWNER.TABLE"),
        (["a.csv", "oracle://u@host/service?table=T;drop"], "is not a table name"),
        (["a.csv", "oracle://u@host/service?table=T"], "There is no password for u@host:1521/service"),
    ],
)  # fmt: skip
def test_an_error_ends_with_2_and_one_sentence(
    files: Path, arguments: list[str], says: str, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(files)
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115 - no terminal
    for name in [name for name in os.environ if name.startswith("CONCORD_PASSWORD")]:
        monkeypatch.delenv(name)
    assert main(["compare", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert says in output.err
    assert output.err.count("\n") == 1


def test_wrong_usage_ends_with_2(files: Path) -> None:
    assert run(files / "a.csv").returncode == 2


def test_a_broken_line_in_the_middle_ends_with_2(files: Path) -> None:
    (files / "broken.csv").write_text("id,name,amount\n1,one,1\n2,two\n3,three,3\n")
    done = run("a.csv", "broken.csv", "--key=id", cwd=files)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "concord: broken.csv has a bad line, line 3: 2 fields in place of 3 (2,two). The file was not compared.\n"
    )
    done = run("a.csv", "broken.csv", "--key=id", "--b", "bad_lines=1", "--json", cwd=files)
    assert json.loads(done.stdout)["compared"]["reading_b"]["bad_lines"] == 1
    done = run("a.csv", "broken.csv", "--key=id", "--b", "bad_lines=1", "--export", "out", cwd=files)
    assert "1 bad line was left out of B; the first is line 3: 2 fields in place of 3" in done.stdout
    assert "out/only_a.parquet: 1 row," in done.stdout
    assert pq.read_table(files / "out" / "only_a.parquet").num_rows == 1


def test_a_reader_that_stops_early_is_no_error(files: Path) -> None:
    command = (
        f"{' '.join(COMMAND)} {files}/a.csv {files}/b.csv --key id --json | head -1; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("{\n1\n", "")


def test_progress_shows_on_a_terminal_only(files: Path) -> None:
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, str(files / "a.csv"), str(files / "b.csv"), "--key", "id"],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm"},
    )
    output, _ = process.communicate(timeout=60)
    os.close(terminal)
    shown = os.read(controller, 1 << 16).decode()
    os.close(controller)
    assert process.returncode == 1
    assert "100%" in shown or "opening" in shown
    assert b"only in A" in output


def test_an_interrupt_leaves_nothing_behind(files: Path) -> None:
    work = files / "work"
    work.mkdir()
    os.mkfifo(files / "password")  # the command waits until somebody writes the password
    process = subprocess.Popen(
        [*COMMAND, str(files / "a.csv"), "oracle://u@localhost/x?table=T", f"--work-dir={work}"],
        env={**os.environ, "CONCORD_PASSWORD_FILE": str(files / "password")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a run in the background ignores it
    )
    deadline = time.monotonic() + 30
    while not list(work.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for _ in range(
        5
    ):  # a person presses Ctrl-C again; one more after the end ends Python itself, as a signal
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
            break
    assert process.returncode in (130, -signal.SIGINT)  # a shell says 130 of both
    assert list(work.iterdir()) == []


@pytest.fixture
def oracle_table(database: Instance) -> Iterator[str]:
    """The rows of a.csv as a table of a schema of its own."""
    owner = f"COMPARE_{secrets.token_hex(3)}".upper()
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"create user {owner} no authentication")
        cursor.execute(f"alter user {owner} quota unlimited on users")
        cursor.execute(
            f"create table {owner}.prices (id number(9) primary key, name varchar2(20 char), amount number(9,2))"
        )
        rows = [(1, "one", 1.5), (2, "two", None), (3, "three", 3)]
        cursor.executemany(f"insert into {owner}.prices (id, name, amount) values (:1, :2, :3)", rows)
        connection.commit()
        yield f"oracle://{database.user}@{database.dsn}?table={owner}.prices"
        cursor.execute(f"drop user {owner} cascade")


def test_a_file_against_a_table(files: Path, oracle_table: str, database: Instance) -> None:
    environment = {**os.environ, "CONCORD_PASSWORD_B": database.password}
    done = run("a.csv", oracle_table, env=environment, cwd=files)
    assert (done.returncode, done.stderr) == (0, "")
    assert "by id (primary key)" in done.stdout
    done = run(files / "b.csv", oracle_table, "--json", env=environment)
    assert json.loads(done.stdout)["summary"]["changed"] == 2
    gone = run(files / "a.csv", f"{oracle_table}_gone", env=environment)
    assert gone.returncode == 2
    assert "PRICES_GONE does not exist, or Concord may not read it." in gone.stderr
    wrong = run(files / "a.csv", oracle_table, env={**environment, "CONCORD_PASSWORD_B": "wrong"})
    assert wrong.returncode == 2
    assert "refuses the user name or the password" in wrong.stderr
