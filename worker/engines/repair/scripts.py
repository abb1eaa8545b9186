"""The two scripts, in SQL and PL/SQL that Oracle 19c and later take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from worker.engines.errors import BadPlan
from worker.engines.files import GrowingFile, ResultFile
from worker.engines.repair.large import Large
from worker.engines.repair.plan import Change, Repair, Task, Values, planned

MEDIA_TYPE = "application/sql"
_STATEMENTS_A_BLOCK = 50


def write(task: Task, folder: Path) -> tuple[tuple[ResultFile, ...], Repair]:
    """Write repair.sql and backout.sql, nothing if nothing is to be repaired; the files and what they do.

    Raises RepairRefused, and WorkFolderFull.
    """
    repair = planned(task)
    if repair.rows == 0:
        return (), repair
    back = Repair(
        updates=[Change(change.key, change.new, change.old) for change in repair.updates],
        inserts=[Change(change.key, {}, change.old) for change in repair.deletes],
        deletes=[Change(change.key, change.new, {}) for change in repair.inserts],
    )
    source, target = (side.name for side in task.sources)
    files = (
        _file(folder / "repair.sql", task, repair, f"Makes {target} (side B) what {source} (side A) was."),
        _file(folder / "backout.sql", task, back, f"Takes back what repair.sql did to {target}."),
    )
    return files, repair


def _file(path: Path, task: Task, repair: Repair, purpose: str) -> ResultFile:
    file = GrowingFile(path)
    try:
        for text in _script(task, repair, purpose):
            file.write(text.encode())
        return file.keep(repair.rows, MEDIA_TYPE)
    except BaseException:
        file.discard()
        raise


def _script(task: Task, repair: Repair, purpose: str) -> Iterator[str]:
    table = ".".join(quoted(part) for part in task.target)
    yield f"-- {_comment(purpose)}\n"
    yield "-- Run it with SQL*Plus or SQLcl, look at what it did, then commit or roll back: it does neither.\n"
    yield "-- Each statement changes exactly one row that still is as it was compared, or all is rolled back.\n"
    counts = (
        f"{len(repair.deletes):,} rows to delete, {len(repair.updates):,} to update, "
        f"{len(repair.inserts):,} to insert"
    )
    yield f"-- {counts}.\n"
    if zoned := _zoned(task, repair):
        yield f"-- Times of {_comment(', '.join(zoned))} are written in UTC: the same instants, not their own zones.\n"
    for reason, count in sorted(repair.not_done.items()):
        yield f"-- NOT repaired: {count:,} {_comment(reason)}.\n"
    yield "set define off\nset sqlblanklines on\nset feedback off\n"
    yield "whenever sqlerror exit failure rollback\n"
    yield f"prompt {counts}\n\n"
    number = 0  # of the statement
    for write_one, changes in (
        (_delete, repair.deletes),
        (_update, repair.updates),
        (_insert, repair.inserts),
    ):
        for block in _blocks(changes):
            variables = _variables(block[0])
            declared = [f"{name} {value.oracle_type.lower()}" for name, value in variables.items()]
            if write_one is _insert:
                declared.append("l_found pls_integer")
            yield "declare\n" * bool(declared) + "".join(f"   {one};\n" for one in declared) + "begin\n"
            for name, value in variables.items():
                yield from (f"   {statement};\n" for statement in value.assigned(name))
            for change in block:
                number += 1
                yield write_one(table, change, number)
            yield "end;\n/\n"
    yield f"prompt Done: {counts}. Nothing is committed yet.\n"


def _zoned(task: Task, repair: Repair) -> list[str]:
    """The columns with a zone that are written: a comparison knows their instants only."""
    written = {name for change in (*repair.updates, *repair.inserts) for name in change.new}
    return [
        column.b.name
        for column in task.layout.columns
        if column.b.name in written and column.b.oracle_type.endswith("WITH TIME ZONE")
    ]


def _blocks(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """The changes of each block of PL/SQL: one with large objects, which need variables of their own, or many."""
    block: list[Change] = []
    for change in changes:
        alone = bool(_variables(change))
        if block and (alone or len(block) == _STATEMENTS_A_BLOCK):
            yield block
            block = []
        if alone:
            yield [change]
        else:
            block.append(change)
    if block:
        yield block


def quoted(name: str) -> str:
    """An identifier as the dictionary spells it, in double quotes. Raises BadPlan for what cannot be one."""
    if not name or '"' in name or "\x00" in name or not name.isprintable():
        raise BadPlan(f"{name!r} cannot be the name of a column or table in a script.")
    return f'"{name}"'


def _variables(change: Change) -> dict[str, Large]:
    """Variables for the change's large objects: l_old_N and l_new_N, N being the column's place in it."""
    return {
        f"l_{time}_{number}": value
        for time, values in (("old", change.old), ("new", change.new))
        for number, value in enumerate(values.values(), 1)
        if isinstance(value, Large) and value.value
    }


def _written(time: str, values: Values) -> dict[str, str]:
    """Each value as the statement has it: a literal, or the variable of a large object."""
    return {
        name: value if not isinstance(value, Large) else f"l_{time}_{number}" if value.value else "null"
        for number, (name, value) in enumerate(values.items(), 1)
    }


def _delete(table: str, change: Change, number: int) -> str:
    return f"   delete from {table}\n    where {_conditions(change)};\n{_stop('sql%rowcount != 1', number)}"


def _update(table: str, change: Change, number: int) -> str:
    assignments = "\n         ,".join(
        f"{quoted(name)} = {value}" for name, value in _written("new", change.new).items()
    )
    return (
        f"   update {table}\n      set {assignments}\n    where {_conditions(change)};\n"
        f"{_stop('sql%rowcount != 1', number)}"
    )


def _insert(table: str, change: Change, number: int) -> str:
    """Only where no row has the key: the table may lack a unique key, and a filter may have left that row out.

    The row itself comes by VALUES: only then may a row trigger of the table read it (ORA-04091 otherwise).
    Source: PL/SQL Language Reference, Mutating-Table Restriction.
    """
    names = ", ".join(quoted(name) for name in change.new)
    values = "\n         ,".join(_written("new", change.new).values())
    return (
        f"   select count(*)\n     into l_found\n     from {table}\n    where {_conditions(change)};\n"
        f"{_stop('l_found != 0', number)}"
        f"   insert into {table} ({names})\n   values ({values});\n"
    )


def _stop(condition: str, number: int) -> str:
    return (
        f"   if {condition} then\n"
        f"      raise_application_error(-20099, 'Statement {number}: the row is not as it was compared.');\n"
        f"   end if;\n"
    )


def _conditions(change: Change) -> str:
    """The full key, and the old value of everything that changes."""
    compared = {**_written("key", change.key), **_written("old", change.old)}
    return "\n      and ".join(
        _condition(quoted(name), value, change.old.get(name)) for name, value in compared.items()
    )


def _condition(column: str, written: str, old: str | Large | None) -> str:
    if isinstance(old, Large):
        if old.value:
            return f"dbms_lob.compare({column}, {written}) = 0"
        return f"nvl(dbms_lob.getlength({column}), 0) = 0"
    return f"{column} is null" if written == "null" else f"{column} = {written}"


def _comment(text: str) -> str:
    """A text for one comment line."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)
