"""Which statements of the product were executed, by what `sitecustomize` noted of all processes of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.gate.collect import Hole, Text, collect, plain
from tests.gate.packages import Call, calls, specifications
from tests.record.sitecustomize import SEPARATOR

NOT_EXECUTED = {
    "plsql/dictionary/grants.sql#1": "the local database has no V_$SESSION to grant; SYS runs it on Oracle",
    "plsql/dictionary/grants.sql#2": "as above",
    "worker/engines/sources/oracle.py:current_scn#2": (
        "asked where V$DATABASE is not granted and DBMS_FLASHBACK is; the local database grants both or none"
    ),
}
"""Statements that no test executes, by owner, each with the reason."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Owners of statements, and subprograms of packages: those that were executed, and the others."""

    executed: tuple[str, ...]
    missing: tuple[str, ...]


def noted(folder: Path) -> set[str]:
    """All statements that the processes of a run noted, white space apart."""
    return {
        plain(text.decode())
        for file in folder.iterdir()
        for text in file.read_bytes().split(SEPARATOR)
        if text
    }


def coverage(executed: Iterable[str]) -> Coverage:
    """What of the product these statements, as `noted` gives them, have executed."""
    whole = set(executed)
    blocks = [text for text in whole if text.lower().startswith(("begin", "declare"))]
    done: dict[str, bool] = {text.owner: _executed(text, whole, blocks) for text in collect().texts}
    packages = {f"{name.partition('.')[0].lower()}." for name in specifications()}
    ours = [text for text in blocks if any(name in text.lower() for name in packages)]
    called = {call.name for text in ours for call in _calls(text)}
    # What packages call of each other counts as well: who calls the one executes the other.
    stored = [
        call for text in collect().texts if text.file.endswith(".pkb") for call in calls(text.texts()[0])
    ]
    called |= {call.name for call in stored}
    done |= {name: name in called for name in specifications()}
    done |= dict.fromkeys(NOT_EXECUTED, True)
    return Coverage(
        tuple(sorted(owner for owner, was in done.items() if was)),
        tuple(sorted(owner for owner, was in done.items() if not was)),
    )


def _calls(text: str) -> list[Call]:
    try:
        return list(calls(text))
    except ValueError:  # a test's own statement that is no SQL
        return []


def _executed(text: Text, whole: set[str], blocks: list[str]) -> bool:
    """Whether it was executed by itself, or as a block inside another (see `app.oracle.audit.audited`)."""
    if not text.sign and not any(isinstance(part, Hole) for part in text.parts):
        wanted = plain(text.texts()[0])
        inside = wanted.startswith(("begin", "declare"))
        return wanted in whole or (inside and any(wanted in block for block in blocks))
    pieces = [plain(part) for part in text.parts if isinstance(part, str)]
    if not pieces:  # a hole as a whole: known by its first two words
        return any(one.split()[:2] == text.texts()[0].split()[:2] for one in whole)
    longest = "" if text.sign else max(pieces, key=len)
    return any(longest in one and text.is_in(one) for one in whole)
