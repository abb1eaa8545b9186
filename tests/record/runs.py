"""What ran on which database: docs/verified.json, entered by test runs, and docs/verified.md, rendered from it.

    pytest --record docs/verified.json          enters a run: its areas replace what the same database had of them
    python -m tests.record.runs [FILE ...]      takes the runs of other records in (CI keeps one of each job), and renders
                                                docs/verified.md

A statement counts as executed as long as its text is the one that was executed.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.gate.collect import ROOT, collect
from tests.record.statements import NOT_EXECUTED, Coverage

RECORD = ROOT / "docs" / "verified.json"
PAGE = ROOT / "docs" / "verified.md"
_MOST_NAMED = 20
_OUTCOMES = ("passed", "failed", "skipped")
_LOCAL = "the local database"
_ROOMS = {
    "plsql/": "files of plsql/: tables, views, packages, grants",
    "app/": "the API and what both processes share",
    "worker/": "workers and engines",
    "": "subprograms of the packages",
}


def enter(file: Path, database: str, outcomes: Mapping[str, Counter[str]], found: Coverage) -> None:
    """Enter a run into the record."""
    day = datetime.now(UTC).date().isoformat()
    made = {"date": day, "commit": _commit(), "python": platform.python_version()}
    areas = {area: made | {name: counts[name] for name in _OUTCOMES} for area, counts in outcomes.items()}
    known = digests()
    statements = {owner: known[owner] for owner in found.executed if owner not in NOT_EXECUTED}
    _add(file, {database: {"areas": areas, "statements": statements}}, known)


def _add(file: Path, runs: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Areas replace what the same database had of them; statements come to those of before, as far as they stand."""
    record = json.loads(file.read_text()) if file.exists() else {}
    for database, new in runs.items():
        run = record.setdefault(database, {"areas": {}, "statements": {}})
        run["areas"] = dict(sorted((run["areas"] | new["areas"]).items()))
        both = [*run["statements"].items(), *new["statements"].items()]
        kept = {owner: digest for owner, digest in sorted(both) if known.get(owner) == digest}
        run |= {
            "statements": kept,
            "rooms": _by_room(kept),
            "all": _by_room(known),
            "never": sorted(known.keys() - kept.keys()),
        }
    file.write_text(json.dumps(dict(sorted(record.items())), indent=1) + "\n")


def _commit() -> str:
    """Of the sources; "" where they are in no repository."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return ""


def digests() -> dict[str, str]:
    """Every statement of the product by owner, and the subprograms, each with a digest of its text."""
    from tests.gate.packages import specifications

    texts = {text.owner: "".join(str(part) for part in text.parts) for text in collect().texts}
    texts |= {name: str(parameters) for name, parameters in specifications().items()}
    return {owner: hashlib.sha256(text.encode()).hexdigest()[:8] for owner, text in texts.items()}


def _by_room(owners: Mapping[str, str]) -> dict[str, int]:
    counts = dict.fromkeys(_ROOMS, 0)
    for owner in owners:
        counts[next(room for room in _ROOMS if owner.startswith(room))] += 1
    return counts


def _named(owners: list[str]) -> str:
    """Each by its name, unless they are so many that nobody would read them."""
    if len(owners) > _MOST_NAMED:
        return f"{len(owners)}; `docs/verified.json` names them"
    return ", ".join(f"`{owner}`" for owner in owners) or "none"


def render(record: Mapping[str, Any]) -> str:
    """The page."""
    real = [name for name in record if not name.startswith(_LOCAL)]
    lines = [
        "# What was run on which database",
        "",
        "Made by `python -m tests.record.runs` from test runs (`pytest --record docs/verified.json`), not by hand.",
        "",
        (
            "**Nothing here has ever run on a real Oracle Database.** Every figure is of the local database, which speaks "
            "Oracle's protocol to the unmodified driver and is not Oracle ([how far](local-database.md)). What 19c refuses "
            "is looked for by rules over every statement (`tests/gate`), which need no database."
            if not real
            else f"Run on Oracle: {', '.join(real)}. What appears only under the local database has run nowhere else."
        ),
    ]
    for name, run in record.items():
        lines += ["", f"## {name[:1].upper()}{name[1:]}", "", "| tests | passed | failed | skipped | on |", "| --- | ---: | ---: | ---: | --- |"]  # fmt: skip
        for area, counts in sorted(run["areas"].items()):
            shown = " | ".join(str(counts[outcome]) for outcome in _OUTCOMES)
            lines.append(
                f"| tests/{area} | {shown} | {counts['date']}, {counts['commit']}, Python {counts['python']} |"
            )
        total = {outcome: sum(counts[outcome] for counts in run["areas"].values()) for outcome in _OUTCOMES}
        lines.append(f"| all | {' | '.join(str(total[outcome]) for outcome in _OUTCOMES)} | |")
        lines += ["", "| statements of the product | executed | of |", "| --- | ---: | ---: |"]
        lines += [f"| {text} | {run['rooms'][room]} | {run['all'][room]} |" for room, text in _ROOMS.items()]
        lines += ["", f"Not executed: {_named(run['never'])}."]
    lines += [
        "",
        "## On your own Oracle",
        "",
        "With a Docker engine `pytest` starts Oracle Database Free by itself. With a database of your own, an empty PDB:",
        "",
        "```",
        "CONCORD_TEST_DSN=dbhost:1521/pdb CONCORD_TEST_PASSWORD_FILE=system.password pytest --record docs/verified.json",
        "python -m tests.record.runs",
        "```",
        "",
        "The tests create users as SYSTEM (CONCORD_TEST_USER names another DBA), drop them at the end, and refuse a "
        "database that already has a Concord.",
    ]
    return "\n".join(lines) + "\n"


def main(files: Sequence[str]) -> None:
    """Take other records in, and render the page."""
    for file in files:
        _add(RECORD, json.loads(Path(file).read_text()), digests())
    PAGE.write_text(render(json.loads(RECORD.read_text())))


if __name__ == "__main__":
    main(sys.argv[1:])
