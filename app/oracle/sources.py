"""The files of plsql/ as the installer, the check and the printed script read them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

LEDGER = "schema/0000_schema_migrations.sql"
# What is created as a whole, in this order: specifications before what uses them, grants last.
REPEATABLE = (("packages", ".pks"), ("views", ".sql"), ("packages", ".pkb"))
# Views that need more of the dictionary than every DBA may grant, and what stands in for them then.
_STAND_INS = {"views/job_locks_v.sql": "dictionary/job_locks_v.sql"}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file below plsql/."""

    name: str  # e.g. schema/0001_queue.sql
    text: str

    @property
    def object_name(self) -> str:
        """The object that a file of packages/ or views/ creates: packages/job_queue.pkb -> JOB_QUEUE."""
        return self.name.rpartition("/")[2].partition(".")[0].upper()

    @property
    def object_type(self) -> str:
        """Its type as ALL_OBJECTS has it."""
        return {"pks": "PACKAGE", "pkb": "PACKAGE BODY"}.get(self.name.rpartition(".")[2], "VIEW")


def source_files(folder: str, suffix: str = ".sql") -> list[SourceFile]:
    """The files of one folder of plsql/ in the order of their names."""
    found = [
        SourceFile(f"{folder}/{entry.name}", entry.read_text(encoding="utf-8"))
        for entry in _entries(resources.files("plsql") / folder)
        if entry.name.endswith(suffix)
    ]
    return sorted(found, key=lambda file: file.name)


def _entries(folder: Traversable) -> Iterable[Traversable]:
    return folder.iterdir()


def stand_in(file: SourceFile) -> SourceFile:
    """The file, or what is installed under its name where the owner may not read V$SESSION."""
    name = _STAND_INS.get(file.name)
    texts = [other.text for other in source_files("dictionary") if other.name == name]
    return SourceFile(file.name, texts[0]) if texts else file


def checksum(text: str) -> str:
    """As SCHEMA_MIGRATIONS.CHECKSUM holds it."""
    return hashlib.sha256(text.encode()).hexdigest()
