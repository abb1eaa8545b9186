"""How PL/SQL says no: compile errors (PLS- with a place) and the predefined exceptions with their codes."""

from __future__ import annotations

from bisect import bisect_right

from app.localdb.errors import OracleError


class CompileError(Exception):
    """One PLS- or ORA- message at one place of a unit. `text` starts with its code."""

    def __init__(self, text: str, offset: int) -> None:
        super().__init__(text)
        self.text = text
        self.offset = offset


def unsupported(what: str, offset: int) -> CompileError:
    """A construct of Oracle's that the local database does not know: refused by its name."""
    return CompileError(
        f"ORA-03001: unimplemented feature: {what} is not supported by the local database", offset
    )


def undeclared(name: str, offset: int) -> CompileError:
    return CompileError(f"PLS-00201: identifier '{name}' must be declared", offset)


def not_assignable(name: str, offset: int) -> CompileError:
    """A name left of := that cannot be assigned to."""
    if name.startswith(":NEW."):
        return CompileError("ORA-04084: cannot change NEW values for this trigger type", offset)
    if name.startswith(":OLD."):
        return CompileError("ORA-04085: cannot change the value of an OLD reference variable", offset)
    return CompileError(f"PLS-00363: expression '{name}' cannot be used as an assignment target", offset)


def unexpected(found: str, wanted: str, offset: int) -> CompileError:
    """A word that the grammar has no place for. `found` is the word as written, empty at the end."""
    symbol = f'"{found}"' if found else '"end-of-file"'
    return CompileError(
        f"PLS-00103: Encountered the symbol {symbol} when expecting one of the following:\n\n   {wanted}",
        offset,
    )


class Lines:
    """Where an offset is: 1-based line and column of a text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        position = text.find("\n")
        while position >= 0:
            self.starts.append(position + 1)
            position = text.find("\n", position + 1)

    def line(self, offset: int) -> int:
        return bisect_right(self.starts, offset)

    def place(self, offset: int) -> tuple[int, int]:
        line = self.line(offset)
        return line, offset - self.starts[line - 1] + 1


def block_error(errors: list[CompileError], lines: Lines) -> OracleError:
    """ORA-06550 of an anonymous block: each message with its line and column."""
    parts = []
    for error in errors:
        line, column = lines.place(error.offset)
        parts.append(f"line {line}, column {column}:\n{error.text}")
    return OracleError(6550, "\nORA-06550: ".join(parts), errors[0].offset)


PREDEFINED = {
    "ACCESS_INTO_NULL": -6530,
    "CASE_NOT_FOUND": -6592,
    "COLLECTION_IS_NULL": -6531,
    "CURSOR_ALREADY_OPEN": -6511,
    "DUP_VAL_ON_INDEX": -1,
    "INVALID_CURSOR": -1001,
    "INVALID_NUMBER": -1722,
    "LOGIN_DENIED": -1017,
    "NO_DATA_FOUND": 100,
    "NO_DATA_NEEDED": -6548,
    "NOT_LOGGED_ON": -1012,
    "PROGRAM_ERROR": -6501,
    "ROWTYPE_MISMATCH": -6504,
    "SELF_IS_NULL": -30625,
    "STORAGE_ERROR": -6500,
    "SUBSCRIPT_BEYOND_COUNT": -6533,
    "SUBSCRIPT_OUTSIDE_LIMIT": -6532,
    "SYS_INVALID_ROWID": -1410,
    "TIMEOUT_ON_RESOURCE": -51,
    "TOO_MANY_ROWS": -1422,
    "VALUE_ERROR": -6502,
    "ZERO_DIVIDE": -1476,
}
"""Exceptions of package STANDARD by SQLCODE."""

MESSAGES = {
    1: "unique constraint violated",
    51: "timeout occurred while waiting for a resource",
    100: "no data found",
    1001: "invalid cursor",
    1002: "fetch out of sequence",
    1403: "no data found",
    1410: "invalid ROWID",
    1422: "exact fetch returns more than requested number of rows",
    1426: "numeric overflow",
    1476: "divisor is equal to zero",
    1722: "invalid number",
    6500: "PL/SQL: storage error",
    6501: "PL/SQL: program error",
    6502: "PL/SQL: numeric or value error",
    6503: "PL/SQL: Function returned without value",
    6504: "PL/SQL: Return types of Result Set variables or query do not match",
    6508: "PL/SQL: could not find program unit being called",
    6510: "PL/SQL: unhandled user-defined exception",
    6511: "PL/SQL: cursor already open",
    6519: "active autonomous transaction detected and rolled back",
    6530: "Reference to uninitialized composite",
    6531: "Reference to uninitialized collection",
    6532: "Subscript outside of limit",
    6533: "Subscript beyond count",
    6592: "CASE not found while executing CASE statement",
    20000: "{}",
    21000: "error number argument to raise_application_error of {} is out of range",
    22160: "element at index [{}] does not exist",
    24381: "error(s) in array DML",
}
"""Texts of the errors that PL/SQL itself raises."""


def failure(code: int, *names: object) -> OracleError:
    """ORA-`code` with its text."""
    return OracleError(code, MESSAGES[code].format(*names))


def value_error(detail: str = "") -> OracleError:
    """ORA-06502 with what was wrong, as Oracle words it."""
    return OracleError(6502, MESSAGES[6502] + (f": {detail}" if detail else ""))
