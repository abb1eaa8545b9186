"""The driver's suite: fetched by its package name, unpacked in a temporary folder, run one file at a time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import oracledb

from tests.conformance.schema import fill, statements
from tests.conformance.scope import file_reason, test_reasons
from tests.databases import Instance, play

DRIVER = "oracledb==26.1.0"
# What the suite imports beyond the project's own packages: module and package.
WANTED = {
    "numpy": "numpy",
    "pandas": "pandas",
    "dateutil": "python-dateutil",
    "six": "six",
    "anyio": "anyio",
}
MAIN, PROXY, PASSWORD = "PYTHONTEST", "PYTHONTESTPROXY", "Conformance_1"
PRIVILEGES = (
    "create session",
    "create table",
    "create procedure",
    "create view",
    "select any dictionary",
    "change notification",
    "unlimited tablespace",
)


PIP_TIMEOUT = 90  # seconds


class Unreachable(Exception):
    """The package registry does not answer; the message is pip's."""


@dataclass
class Case:
    """One test: `outcome` is passed, failed, skipped or outside; `cause` the last error line of a failure."""

    name: str  # FILE::TEST
    outcome: str
    cause: str = ""


@dataclass
class Result:
    """One file of the suite. `reason` says why the whole file is out of scope; `note` what ended it early."""

    name: str
    reason: str | None
    cases: list[Case] = field(default_factory=list)
    note: str = ""

    def count(self, outcome: str) -> int:
        return sum(case.outcome == outcome for case in self.cases)

    def failures(self) -> list[Case]:
        return [case for case in self.cases if case.outcome == "failed"]


def pip(*arguments: str, path: Path | None = None) -> None:
    """Run pip for this interpreter, with `path` in front of its modules. Raises Unreachable."""
    own = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    command = [sys.executable, "-m", "pip"] if own.returncode == 0 else ["pip", "--python", sys.executable]
    try:
        done = subprocess.run(
            [*command, *arguments],
            env=os.environ | ({"PYTHONPATH": str(path)} if path else {}),
            capture_output=True,
            text=True,
            timeout=PIP_TIMEOUT,
            check=False,
        )
    except FileNotFoundError as error:
        raise Unreachable("there is no pip to fetch the driver's suite with") from error
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"pip did not end within {PIP_TIMEOUT} seconds") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"]
        raise Unreachable(lines[-1])


def fetch(folder: Path) -> Path:
    """Download and unpack the driver's source package; returns its folder. Raises Unreachable."""
    # pip asks a source package for its metadata, and this one would then translate itself with Cython first.
    # A stand-in that translates nothing spares two minutes.
    stand_in = folder / "stand-in" / "Cython" / "Build"
    stand_in.mkdir(parents=True)
    (stand_in.parent / "__init__.py").touch()
    (stand_in / "__init__.py").write_text("def cythonize(*_, **__):\n    return []\n")
    pip(
        *("download", "--no-deps", "--no-binary=:all:", "--no-build-isolation", f"--dest={folder}", DRIVER),
        path=stand_in.parent.parent,
    )
    with tarfile.open(next(folder.glob("oracledb-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.glob("oracledb-*") if path.is_dir())


def fetch_packages(folder: Path) -> Path:
    """Install into `folder` what only the suite needs and this interpreter lacks. Raises Unreachable."""
    check = "import importlib.util,sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    missing = [
        package
        for module, package in WANTED.items()
        if subprocess.run([sys.executable, "-c", check, module], check=False).returncode
    ]
    if missing:
        pip("install", "--no-deps", f"--target={folder}", *missing)
    return folder


def names(suite: Path) -> list[str]:
    """All files of tests, as paths below the suite's tests folder."""
    return sorted(str(path.relative_to(suite / "tests")) for path in (suite / "tests").rglob("test_*.py"))


def prepare(instance: Instance) -> list[str]:
    """Creates users and schema; returns one line for each statement that was refused."""
    refused: list[str] = []
    with instance.connect() as admin, admin.cursor() as cursor:
        for user in (MAIN, PROXY):
            cursor.execute(f'create user {user} identified by "{PASSWORD}"')
            cursor.execute(f"grant create session to {user}")
        for privilege in PRIVILEGES:
            cursor.execute(f"grant {privilege} to {MAIN}")
    with oracledb.connect(user=MAIN, password=PASSWORD, dsn=instance.dsn) as main, main.cursor() as cursor:
        for statement in statements(play()):
            try:
                cursor.execute(statement)
            except oracledb.Error as error:
                refused.append(f"{' '.join(statement.split())[:60]}: {str(error).splitlines()[0]}")
        cursor.execute("select name, line, text from user_errors order by name, line")
        refused += [f"{name} line {line}: {text}" for name, line, text in cursor]
        fill(main)
    return refused


def environment(instance: Instance, packages: Path) -> dict[str, str]:
    """What the suite reads, and where the packages lie that only it needs."""
    return os.environ | {
        "PYO_TEST_MAIN_USER": MAIN,
        "PYO_TEST_MAIN_PASSWORD": PASSWORD,
        "PYO_TEST_PROXY_USER": PROXY,
        "PYO_TEST_PROXY_PASSWORD": PASSWORD,
        "PYO_TEST_ADMIN_USER": instance.user,
        "PYO_TEST_ADMIN_PASSWORD": instance.password,
        "PYO_TEST_CONNECT_STRING": instance.dsn,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(packages), os.environ.get("PYTHONPATH", "")))),
    }


def run_file(suite: Path, name: str, variables: dict[str, str], seconds: int, reports: Path) -> Result:
    """Runs one file with a limit on each test (20 s) and on the whole file (`seconds`)."""
    log_file, cases = _pytest(suite, [name], variables, seconds, reports / name.replace("/", "-"))
    result = Result(name, file_reason(name))
    if cases is None:
        result.note = "killed: hung, or no report; see its log"
        return result
    result.cases = [case for _, case in cases]
    if "session-timeout" in log_file.read_text(errors="replace"):
        result.note = f"stopped after {seconds} s"
    return result


def run_together(
    suite: Path, chosen: list[str], variables: dict[str, str], seconds: int, reports: Path
) -> list[Case]:
    """Runs several files in one process: faster, but a hang takes all of them along (then: no cases)."""
    _, cases = _pytest(suite, chosen, variables, seconds, reports / "together")
    return [case for _, case in cases or ()]


def _pytest(
    suite: Path, chosen: list[str], variables: dict[str, str], seconds: int, report: Path
) -> tuple[Path, list[tuple[str, Case]] | None]:
    """The log, and each case with its file; None when pytest had to be killed."""
    report, log_file = report.with_suffix(".xml"), report.with_suffix(".log")
    limits = ["--timeout=20", "--timeout-method=signal", f"--session-timeout={seconds}"]
    quiet = ["-q", "-p", "no:cacheprovider", "--tb=short", f"--junitxml={report}", f"--rootdir={suite}"]
    command = [sys.executable, "-m", "pytest", *quiet, *limits, *(f"tests/{name}" for name in chosen)]
    with log_file.open("w") as log:
        try:
            subprocess.run(
                command, cwd=suite, env=variables, stdout=log, stderr=log, timeout=seconds + 40, check=False
            )
        except subprocess.TimeoutExpired:
            return log_file, None
    if not report.exists():
        return log_file, None
    outside = {name: test_reasons(suite / "tests" / name) for name in chosen}
    files = {"tests." + name.removesuffix(".py").replace("/", "."): name for name in chosen}
    cases = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = files.get(case.get("classname", ""), chosen[0])
        cases.append((name, _case(name, case, outside[name])))
    return log_file, cases


def _case(file: str, case: ElementTree.Element, outside: dict[str, str]) -> Case:
    test = case.get("name", "")
    name = f"{file}::{test}"
    bad = case.find("failure")
    if bad is None:
        bad = case.find("error")
    if file_reason(file) is None and test.partition("[")[0] in outside:
        return Case(name, "outside")
    if bad is not None:
        return Case(name, "failed", _cause(bad))
    return Case(name, "skipped" if case.find("skipped") is not None else "passed")


def _cause(bad: ElementTree.Element) -> str:
    errors = [line[1:].strip() for line in (bad.text or "").splitlines() if line.startswith("E ")]
    message = bad.get("message", "").splitlines() or [""]
    spoken = [line for line in errors if re.search(r"(ORA|DPY|PLS)-\d+", line)]
    return (spoken or errors or message)[0][:200]
