"""The demo as its user runs it: one command, real processes, the exact figures of two real tables."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import oracledb
import pytest

SUMMARY = {
    "rows_a": 28_224,
    "rows_b": 28_298,
    "only_a": 612,
    "only_b": 686,
    "changed": 12_668,
    "matched": 27_612,
    "equal": 14_944,
    "duplicate_keys_a": 0,
    "duplicate_keys_b": 0,
}
COLUMNS = {
    "IATA": 97,
    "NAME": 286,
    "CITY": 201,
    "SUBD": 510,
    "COUNTRY": 1,
    "ELEVATION": 555,
    "LAT": 11_038,
    "LON": 10_993,
    "TZ": 8,
    "LID": 1,
}
CHANGED_WITH_TOLERANCE = 1_949


def demo(home: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "app.cli", "demo", "--port", "0", "--db-port", "0", *arguments]
    return subprocess.Popen(
        command,
        env={**os.environ, "CONCORD_HOME": str(home), "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def figures(document: dict[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    summary = {name: document["summary"][name] for name in SUMMARY}
    columns = {column["name"]: column["different"] for column in document["columns"] if column["different"]}
    return summary, columns


class Running:
    """A demo that stays up, and what it said."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process = demo(home)
        assert self.process.stdout is not None
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line.startswith("Ctrl-C"):
                break
        self.said = "".join(said)
        if not self.said.rstrip().endswith("folder."):
            raise RuntimeError(f"the demo ended: {self.said}{self.process.communicate()[1]}")

    def find(self, pattern: str) -> str:
        match = re.search(pattern, self.said)
        assert match, self.said
        return match[1]

    def secret(self, name: str) -> str:
        return (self.home / name).read_text().strip()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    demo = Running(tmp_path_factory.mktemp("demo"))
    yield demo
    if demo.process.poll() is None:
        demo.process.send_signal(signal.SIGINT)
        demo.process.communicate(timeout=60)


@pytest.fixture(scope="module")
def api(running: Running) -> httpx.Client:
    client = httpx.Client(base_url=running.find(r"API\s+(http\S+)/api/v1"), timeout=30)
    credentials = {"username": "admin", "password": running.secret("admin-password")}
    token = client.post("/api/v1/auth/login", json=credentials).json()["data"]["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def test_the_summary_shows_the_exact_counts(running: Running) -> None:
    for number in (
        SUMMARY["rows_a"],
        SUMMARY["rows_b"],
        SUMMARY["only_a"],
        SUMMARY["changed"],
        COLUMNS["LAT"],
    ):
        assert f"{number:,}" in running.said


def test_the_api_gives_the_exact_figures(running: Running, api: httpx.Client) -> None:
    (job,) = api.get("/api/v1/jobs").json()["data"]["items"]
    document = api.get(f"/api/v1/jobs/{job['job_id']}/results").json()["data"]
    assert figures(document) == (SUMMARY, COLUMNS)


def test_plain_sql_reads_the_exact_figures_from_the_row(running: Running) -> None:
    dsn = running.find(r"\n  database\s+(\S+)")
    query = (
        "select status, total_prod_records, total_uat_records, match_percentage, comparison_results,"
        " column_mismatches from concord.comparison_jobs"
    )
    with oracledb.connect(user="SYSTEM", password=running.secret("system-password"), dsn=dsn) as connection:
        ((status, prod, uat, match, results, mismatches),) = connection.cursor().execute(query).fetchall()
    assert (status, prod, uat) == ("COMPLETED", SUMMARY["rows_a"], SUMMARY["rows_b"])
    assert match == pytest.approx(51.69)
    assert figures({**results, **mismatches}) == (SUMMARY, COLUMNS)


def test_a_second_demo_in_the_same_folder_says_so(running: Running) -> None:
    process = demo(running.home)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "another demo already runs" in error


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = demo(tmp_path, "--port", str(taken.getsockname()[1]))
        _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert error.count("\n") == 1
    assert "choose another with --port" in error


def test_once_with_json_and_a_tolerance_prints_one_document_with_decimal_counts(tmp_path: Path) -> None:
    process = demo(tmp_path, "--once", "--json", "--tolerance", "0.00001")
    out, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert json.loads(out)["summary"]["changed"] == CHANGED_WITH_TOLERANCE


def test_ctrl_c_ends_a_demo_and_leaves_no_process(tmp_path: Path) -> None:
    running = Running(tmp_path)
    running.process.send_signal(signal.SIGINT)
    running.process.communicate(timeout=60)
    assert running.process.returncode == 0
    for port in (
        running.find(r"API\s+http://127.0.0.1:(\d+)"),
        running.find(r"\n  database\s+127.0.0.1:(\d+)"),
    ):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", int(port))) != 0


# The guide to the API


GUIDE = Path(__file__).parent.parent / "docs" / "api.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def guide(api: httpx.Client, running: Running, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made = api.post("/api/v1/api-keys", json={"label": "guide"}).json()["data"]
    return {
        "API": f"{api.base_url}/api/v1".replace("//api", "/api"),
        "PASSWORD": running.secret("admin-password"),
        "KEY": made["key"],
        "HOME": str(tmp_path_factory.mktemp("guide")),
        "PATH": os.environ["PATH"],
    }


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("jq") is None, reason="needs the programs curl and jq"
)
def test_the_guides_commands_do_what_they_say(guide: dict[str, str]) -> None:
    script = "\n".join(["set -euo pipefail", *blocks("bash")])
    done = subprocess.run(
        ["bash", "-c", script], env=guide, cwd=guide["HOME"], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    planned, last, summary, good_bye = done.stdout.splitlines()
    assert json.loads(planned)["key"] == ["ICAO"]
    assert json.loads(last.removeprefix("data: "))["status"] == "COMPLETED"
    assert json.loads(summary)["changed"] == CHANGED_WITH_TOLERANCE
    assert good_bye == "Good-bye."
    assert "<!doctype html>" in (Path(guide["HOME"]) / "report.html").read_text().lower()


def test_the_guides_client_takes_a_report_home(guide: dict[str, str]) -> None:
    (program,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=guide,
        cwd=guide["HOME"],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "51.69 % equal\n"
    assert (Path(guide["HOME"]) / "report.xlsx").read_bytes().startswith(b"PK")


def test_the_guide_is_about_routes_that_are_there(api: httpx.Client) -> None:
    document = api.get("/docs/openapi.json").json()
    paths = {re.sub(r"\{[^}]*\}", "{}", path).removeprefix("/api/v1") for path in document["paths"]}
    named = set(
        re.findall(
            r"`(?:GET|POST|PUT|DELETE)? ?(/(?:auth|audit|api-keys|jobs|dashboard|users)[^`? ]*)`",
            GUIDE.read_text(),
        )
    )
    assert len(named) >= 7
    assert {re.sub(r"\{[^}]*\}", "{}", path) for path in named} <= paths
