"""What an installed schema still lacks of this version of Concord, as steps in their order.

The installer runs the steps, the printed script lists them. SCHEMA_MIGRATIONS tells what has been done: DDL
commits by itself, so a step is recorded as STARTED before it runs and as DONE after it. A STARTED step that
is found is taken up again, and its object may exist already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from app.oracle.scripts import Statement, split, substitute
from app.oracle.sources import LEDGER, REPEATABLE, SourceFile, checksum, source_files, stand_in

# (file, step) -> (status, checksum), as in SCHEMA_MIGRATIONS.
Ledger = dict[tuple[str, int], tuple[str, str]]

# What a step may meet that ran before but was not recorded as done: name in use, column exists, primary or
# unique key exists, constraint exists, columns indexed already, column nullable already / not null already,
# index dropped already.
ALREADY_DONE = frozenset(
    {"ORA-00955", "ORA-01430", "ORA-02260", "ORA-02261", "ORA-02264", "ORA-02275", "ORA-01408"}
    | {"ORA-01442", "ORA-01451", "ORA-01418"}
)


class InstallError(Exception):
    """It cannot go on; the text is a sentence. What was done stays and is not done again."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is recorded as one row: a statement of a migration, or a whole file as step 0."""

    file: str
    number: int
    statements: tuple[Statement, ...]
    checksum: str
    again: bool  # it may have run before: an object that exists is no error
    recorded: bool  # SCHEMA_MIGRATIONS has a row of it


def plan(
    ledger: Ledger,
    *,
    owner: str,
    app_user: str,
    sees_sessions: bool,
    valid: Collection[tuple[str, str]] | None = None,
) -> Iterator[Step]:
    """The steps that are left, in their order.

    sees_sessions: the owner may read V$SESSION (else JOB_LOCKS_V has no rows). valid: (type, name) of the
    owner's objects that are there and compile; None where nobody has looked. Raises InstallError.
    """
    _refuse_newer(ledger)
    for file in source_files("schema"):
        if file.name != LEDGER:
            yield from _migration(file, ledger)
    for folder, suffix in REPEATABLE:
        for source in source_files(folder, suffix):
            file = source if sees_sessions else stand_in(source)
            works = valid is None or (file.object_type, file.object_name) in valid
            if not works or not is_done(ledger, file):
                yield _whole(file, ledger)
    for file in grant_files(owner, app_user):
        if not is_done(ledger, file):
            yield _whole(file, ledger)


def grant_files(owner: str, app_user: str) -> list[SourceFile]:
    """The files of grants with the names of this installation."""
    variables = {"owner": owner, "app_user": app_user}
    return [SourceFile(file.name, substitute(file.text, variables)) for file in source_files("grants")]


def is_done(ledger: Ledger, file: SourceFile) -> bool:
    """Whether a file that is installed as a whole is there with this very text."""
    return ledger.get((file.name, 0)) == ("DONE", checksum(file.text))


def shows_sessions(ledger: Ledger) -> bool:
    """Whether the installed JOB_LOCKS_V is the real one; it will be where none is installed yet."""
    for file in source_files("views"):
        if stand_in(file) != file and is_done(ledger, stand_in(file)):
            return False
    return True


def whole_again(file: SourceFile, ledger: Ledger) -> Step:
    """A file that is to be run once more although it is done."""
    return _whole(file, ledger)


def _migration(file: SourceFile, ledger: Ledger) -> Iterator[Step]:
    for number, statement in enumerate(split(file.text), 1):
        text = checksum(statement.text)
        status, known = ledger.get((file.name, number), ("", ""))
        if status != "DONE":
            yield Step(file.name, number, (statement,), text, status == "STARTED", status != "")
        elif known != text:
            raise InstallError(
                f"{file.name}, statement {number} (line {statement.line}) has been changed since it was run in "
                "this database. A migration is never changed: add a new one."
            )


def _whole(file: SourceFile, ledger: Ledger) -> Step:
    recorded = (file.name, 0) in ledger
    return Step(file.name, 0, tuple(split(file.text)), checksum(file.text), False, recorded)


def _refuse_newer(ledger: Ledger) -> None:
    known = {file.name for file in source_files("schema")}
    newer = sorted({file for file, step in ledger if step > 0 and file not in known})
    if newer:
        raise InstallError(
            f"The schema in the database is of a newer Concord: it has {newer[-1]}, which this program does not "
            "know. Use the program of that version."
        )
