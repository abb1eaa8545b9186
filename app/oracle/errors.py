"""What a database error means: does it heal, is a retry safe, and which sentence does a person get.

Oracle's own texts go to the log, never to a user. Codes and their meaning: python-oracledb 26.1
(`errors.py`) and the Oracle Database Error Messages reference.
"""

from __future__ import annotations

import re

import oracledb

# The database cannot be reached now; every one of these heals by waiting. python-oracledb raises its own
# codes at connect time and does not mark them as recoverable.
UNREACHABLE = {
    "DPY-4011": "the connection was closed",
    "DPY-4005": "all sessions are busy",
    "DPY-4033": "the connection was idle for too long",
    "DPY-6000": "the listener refused the connection",
    "DPY-6001": "its listener does not know the service",
    "DPY-6003": "its listener does not know the SID",
    "DPY-6005": "nothing answers there",
    "ORA-01033": "it is starting or stopping",
    "ORA-01034": "it is not started",
    "ORA-01090": "it is stopping",
    "ORA-12757": "its instance does not know the service yet",
    "ORA-12571": "the network failed",
    "ORA-00018": "it has no more sessions",
    "ORA-00020": "it has no more processes",
}

# Errors of one statement or session that the same work, done again, may well not meet.
TRANSIENT = {
    "DPY-4024": "a call took too long",
    "DPY-1001": "the connection was closed",
    "ORA-00054": "a lock was not free",
    "ORA-00060": "two transactions waited for each other",
    "ORA-01555": "old versions of rows were overwritten during a long read",
    "ORA-04061": "a package was installed anew",
    "ORA-04063": "a package is being installed anew, or does not compile",
    "ORA-04065": "a package was installed anew",
    "ORA-04068": "a package was installed anew",
    "ORA-06508": "a package was installed anew",
    "ORA-08177": "another transaction changed the same rows",
    "ORA-30006": "a lock was not free",
}

# The database answers, but this installation is not right; a person must act.
MISCONFIGURED = {
    "ORA-01017": "The database refuses the user name or the password.",
    "ORA-01045": "The database user may not create a session.",
    "ORA-28000": "The database user is locked.",
    "ORA-28001": "The database user's password has expired.",
    "ORA-01435": "Concord's schema does not exist in this database; run `concord db install`.",
    "ORA-00942": "A table of Concord is missing or not granted; run `concord db install`.",
    "ORA-06550": "A package of Concord is missing, not granted or invalid; run `concord db install`.",
    "DPY-4000": "It is an alias that tnsnames.ora does not have: give host:port/service.",
    "DPY-4017": "It cannot be read as a connect descriptor: give host:port/service.",
    "DPY-4018": "It cannot be read: give host:port/service.",
    "DPY-4027": "It is neither host:port/service nor is there a tnsnames.ora that knows it.",
}

# The call failed before it did anything: the stale session has already been told to reload the package.
PACKAGE_RELOADED = frozenset({"ORA-04061", "ORA-04065", "ORA-04068", "ORA-06508"})
_DEAD_CONNECTION = frozenset({"DPY-4011", "DPY-1001", "DPY-4033"})


class OracleError(Exception):
    """The database refused or failed. `str()` is a sentence for people; `code` is for the log.

    retryable: the same call may succeed later. misconfigured: an operator must act first.
    """

    def __init__(
        self, sentence: str, *, code: str = "", retryable: bool = False, misconfigured: bool = False
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code
        self.retryable = retryable
        self.misconfigured = misconfigured


class DatabaseUnavailableError(OracleError):
    """The database cannot be reached now; the same call may succeed later."""


class ForeignSourceError(OracleError):
    """A connection's database or folder cannot be used; `retryable` says whether the same call may succeed later."""


class PackageError(OracleError):
    """One of Concord's packages refused the call; the sentence is the package's own."""


class NotFoundError(PackageError):
    """There is no job, user or worker of this name (ORA-20001)."""


class ConflictError(PackageError):
    """Not possible in this state, or there already is one (ORA-20002, ORA-20003)."""


class ArgumentError(PackageError):
    """An argument of the call is not acceptable (ORA-20004)."""


_RAISED_BY_PACKAGE = range(20000, 21000)
_PACKAGE_ERRORS: dict[int, type[PackageError]] = {
    20001: NotFoundError,
    20002: ConflictError,
    20003: ConflictError,
    20004: ArgumentError,
}


def code_of(error: oracledb.Error) -> str:
    """`ORA-00060`, `DPY-4011`, ...; empty for an error that carries none."""
    detail = error.args[0] if error.args else None
    return str(getattr(detail, "full_code", "") or "")


def heals(error: oracledb.Error) -> bool:
    """Whether the same work may succeed later without anybody doing anything."""
    code = code_of(error)
    recoverable = bool(error.args and getattr(error.args[0], "isrecoverable", False))
    return recoverable or code in UNREACHABLE or code in TRANSIENT


def worth_repeating_now(error: oracledb.Error, *, idempotent: bool) -> bool:
    """Whether one immediate repetition on a fresh session is right.

    A package that was reloaded did nothing yet, so any call may be repeated. A dead connection leaves
    it open whether the call took effect, so only idempotent calls may.
    """
    code = code_of(error)
    return code in PACKAGE_RELOADED or (idempotent and code in _DEAD_CONNECTION)


def translate(error: oracledb.Error) -> OracleError:
    """The error as the rest of Concord knows it, with a sentence in place of Oracle's text."""
    code = code_of(error)
    number = int(getattr(error.args[0], "code", 0) or 0) if error.args else 0
    if number in _RAISED_BY_PACKAGE:
        return _PACKAGE_ERRORS.get(number, PackageError)(_own_text(error), code=f"ORA-{number:05}")
    if code in MISCONFIGURED:
        return OracleError(MISCONFIGURED[code], code=code, misconfigured=True)
    if code == "DPY-4005":
        return DatabaseUnavailableError(
            "All database sessions are busy; try again in a moment.", code=code, retryable=True
        )
    if code in UNREACHABLE:
        return DatabaseUnavailableError(
            f"The database is not available: {UNREACHABLE[code]}.", code=code, retryable=True
        )
    if code in TRANSIENT:
        return DatabaseUnavailableError(
            f"The database could not do this now: {TRANSIENT[code]}.", code=code, retryable=True
        )
    if heals(error):
        return DatabaseUnavailableError("The database is not available.", code=code, retryable=True)
    return OracleError(f"The database reported an error ({code or 'without a code'}).", code=code)


def _own_text(error: oracledb.Error) -> str:
    """The text given to RAISE_APPLICATION_ERROR: the first line without its ORA-20nnn prefix, and without
    an Oracle error that the package quotes at its end."""
    first = re.sub(r"^ORA-20\d{3}:\s*", "", str(error).split("\n", 1)[0])
    text, *quoted = re.split(r":?\s*ORA-\d{5}", first, maxsplit=1)
    return f"{text}." if quoted else text.strip()
