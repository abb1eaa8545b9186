"""ORA- errors of the local database: the exception, and the one table of texts and mappings."""

from __future__ import annotations

import re

from app.localdb.pg_messages import PgError, PgGone


class OracleError(Exception):
    """An error the client sees as ORA-nnnnn.

    `offset` is the 0-based position in the statement's text (0 = not known). `message` is the text after
    the code; further lines (a PL/SQL stack: `ORA-06512: at ...`) follow after newlines, complete.
    `row_count` tells how many rows of an array statement (executions, of a block) stand although a later
    execution failed, `row_counts` how many of each execution.
    """

    def __init__(self, code: int, message: str, offset: int = 0, row_count: int = 0) -> None:
        super().__init__(f"ORA-{code:05d}: {message}")
        self.code = code
        self.message = message
        self.offset = offset
        self.row_count = row_count
        self.row_counts: list[int] | None = None

    @property
    def text(self) -> str:
        """The text as the server sends it, code included."""
        return f"ORA-{self.code:05d}: {self.message}"


TEXTS = {
    1: "unique constraint ({}) violated",
    18: "maximum number of sessions exceeded",
    26: "missing or invalid session ID",
    27: "cannot kill current session",
    28: "your session has been killed",
    30: "User session ID does not exist.",
    54: "resource busy and acquire with NOWAIT specified or timeout expired",
    60: "deadlock detected while waiting for resource",
    904: "{}: invalid identifier",
    918: "column ambiguously defined",
    932: "inconsistent datatypes: expected {} got {}",
    942: "table or view does not exist",
    955: "name is already used by an existing object",
    988: "missing or invalid password(s)",
    1002: "fetch out of sequence",
    1008: "not all variables bound",
    1012: "not logged on",
    1013: "user requested cancel of current operation",
    1017: "invalid username/password; logon denied",
    1031: "insufficient privileges",
    1045: "user {} lacks CREATE SESSION privilege; logon denied",
    1086: "savepoint '{}' never established in this session or is invalid",
    1400: "cannot insert NULL into ({})",
    1402: "view WITH CHECK OPTION where-clause violation",
    1403: "no data found",
    1407: "cannot update ({}) to NULL",
    1408: "such column list already indexed",
    1418: "specified index does not exist",
    1422: "exact fetch returns more than requested number of rows",
    1426: "numeric overflow",
    1427: "single-row subquery returns more than one row",
    1430: "column being added already exists in table",
    1438: "value larger than specified precision allowed for this column",
    1442: "column to be modified to NOT NULL is already NOT NULL",
    1453: "SET TRANSACTION must be first statement of transaction",
    1456: "may not perform insert/delete/update operation inside a READ ONLY transaction",
    1460: "unimplemented or unreasonable conversion requested",
    1476: "divisor is equal to zero",
    1489: "result of string concatenation is too long",
    1722: "invalid number",
    1731: "circular view definition encountered",
    1732: "data manipulation operation not legal on this view",
    1733: "virtual column not allowed here",
    1749: "you may not GRANT/REVOKE privileges to/from yourself",
    1758: "table must be empty to add mandatory (NOT NULL) column",
    1917: "user or role '{}' does not exist",
    1918: "user '{}' does not exist",
    1919: "role '{}' does not exist",
    1920: "user name '{}' conflicts with another user or role name",
    1921: "role name '{}' conflicts with another user or role name",
    1922: "CASCADE must be specified to drop '{}'",
    1924: "role '{}' not granted or does not exist",
    1927: "cannot REVOKE privileges you did not grant",
    1940: "cannot drop a user that is currently connected",
    1952: "system privileges not granted to '{}'",
    2014: "cannot select FOR UPDATE from view with DISTINCT, GROUP BY, etc.",
    2253: "constraint specification not allowed here",
    2264: "name already used by an existing constraint",
    2270: "no matching unique or primary key for this column-list",
    2273: "this unique/primary key is referenced by some foreign keys",
    2290: "check constraint ({}) violated",
    2291: "integrity constraint ({}) violated - parent key not found",
    2292: "integrity constraint ({}) violated - child record found",
    2298: "cannot validate ({}) - parent keys not found",
    2443: "Cannot drop constraint  - nonexistent constraint",
    2449: "unique/primary keys in table referenced by foreign keys",
    3001: "unimplemented feature: {}",
    3113: "end-of-file on communication channel",
    4043: "object {} does not exist",
    4063: 'view "{}" has errors',
    4091: "table {} is mutating, trigger/function may not see it",
    4092: "cannot {} in a trigger",
    8002: "sequence {}.CURRVAL is not yet defined in this session",
    8004: "sequence {}.NEXTVAL {} and cannot be instantiated",
    1466: "unable to read data - table definition has changed",
    1555: 'snapshot too old: rollback segment number  with name "" too small',
    8181: "specified number is not a valid system change number",
    8177: "can't serialize access for this transaction",
    12726: "unmatched bracket in regular expression",
    12899: "value too large for column {} (actual: {}, maximum: {})",
    24381: "error(s) in array DML",
    22275: "invalid LOB locator specified",
    22920: "row containing the LOB value is not locked",
    22990: "LOB locators cannot span transactions",
    26016: "Virtual column {} in table {} cannot be loaded by direct path",
    26065: "check constraint cannot reference column, {}, in direct path load",
    26085: "direct path operation must start its own transaction",
    26086: "direct path does not support triggers",
    28003: "password verification for the specified password failed",
    28218: "password length more than 1024 bytes",
    28267: "Invalid NameSpace Value",
    28008: "invalid old password",
    29972: "user does not have privilege to change/ create registration",
    29976: "Unsupported query for registration in guaranteed mode",
    29977: "Unsupported column type for query registration in guaranteed mode",
    29983: "Unsupported query for Continuous Query Notification",
    29975: "cannot register a query in the middle of an active transaction",
    30006: "resource busy; acquire with WAIT timeout expired",
    30553: "The function is not deterministic",
    30926: "unable to get a stable set of rows in the source tables",
    40441: "JSON syntax error",
    40456: "JSON_VALUE evaluated to non-scalar value",
    40462: "JSON_VALUE evaluated to no value",
    40470: "JSON_VALUE evaluated to multiple values",
    32795: "cannot insert into a generated always identity column",
}

LENGTH_CHECK = "$len"  # how the names of checks begin that stand for VARCHAR2(n BYTE) and RAW(n)

_OWN_TEXT = re.compile(r"ORA-(\d{5}): (.*)", re.DOTALL)

# SQLSTATEs whose ORA- error needs no figure out of the PostgreSQL error.
_PLAIN = {
    "21000": 1427,
    "22003": 1438,
    "22012": 1476,
    "22P02": 1722,
    "25006": 1456,
    "40001": 8177,
    "40P01": 60,
    "22032": 40441,
    "22034": 40470,
    "22035": 40462,
    "2203F": 40456,
    "42501": 1031,
    "44000": 1402,
    "P0002": 1403,
    "P0003": 1422,
    "42P01": 942,
    "42P17": 30553,
    "42P07": 955,
    "42702": 918,
    "42710": 955,
    "42723": 955,
    "2201B": 12726,
    "428C9": 32795,
    "53300": 18,
    "57014": 1013,
    "57P01": 3113,
    "57P02": 3113,
    "57P03": 3113,
}


def _not_updatable(error: PgError) -> OracleError:
    """DML on a view. Whether a join's column keeps the key of its table is not looked into: that is refused."""
    if "do not select from a single table" in error.fields.get("D", ""):
        return oracle_error(3001, "DML on a view of several tables is not supported by the local database")
    return oracle_error(1732)


def oracle_error(code: int, *names: object, offset: int = 0) -> OracleError:
    """The error `code` with its text completed by `names`."""
    return OracleError(code, TEXTS[code].format(*names), offset)


def lost(error: PgGone) -> OracleError:
    """PostgreSQL is gone: the client sees its connection broken (DPY-4011)."""
    return oracle_error(3113)


def from_postgres(error: PgError, *, updating: bool = False, waited: bool = False) -> OracleError:
    """The ORA- error of a PostgreSQL error, with the lines ORA-06512 of functions and triggers that PostgreSQL ran.

    `updating` tells ORA-01407 from ORA-01400; `waited` tells a WAIT n that ran out (ORA-30006) from NOWAIT.
    What has no counterpart becomes ORA-03001 with PostgreSQL's own words: it is a construct that the local
    database let through although it cannot do it.
    """
    found = _translated(error, updating=updating, waited=waited)
    if found.code != 3001:
        found.message += _stack(error.fields.get("W", ""))
    return found


# PostgreSQL's account of where an error was; names as in plsql/sql_functions.py and plsql/triggers.py.
_PLACE = re.compile(
    r"""^PL/pgSQL function (?:"((?:[^"]|"")+)"|(\w+))\."(fn|trg)\$((?:[^"]|"")+)"\(.*?\) line (\d+)""",
    re.MULTILINE,
)


def _stack(context: str) -> str:
    lines = ""
    for quoted, plain, kind, name, line in _PLACE.findall(context):
        label = f"{quoted or plain}.{name.partition('.')[0] if kind == 'fn' else name}".replace('""', '"')
        lines += f'\nORA-06512: at "{label}", line {line}'
        if kind == "trg":
            lines += f"\nORA-04088: error during execution of trigger '{label}'"
    return lines


def _translated(error: PgError, *, updating: bool, waited: bool) -> OracleError:
    fields, state = error.fields, error.sqlstate
    own = _OWN_TEXT.match(error.message)
    if own:
        return OracleError(int(own[1]), own[2])
    constraint = f"{fields.get('s', '')}.{fields.get('n', '')}"
    if state == "23505":
        return oracle_error(1, constraint)
    if state == "23503":
        child = error.message.startswith("insert or update on table")
        return oracle_error(2291 if child else 2292, constraint)
    if state == "23502":
        column = ".".join(f'"{fields.get(key, "")}"' for key in "stc")
        return oracle_error(1407 if updating else 1400, column)
    if state == "23514":
        return oracle_error(2290, constraint)
    if state == "55P03":
        return oracle_error(30006 if waited and "timeout" in error.message else 54)
    if state == "55000" and " view " in error.message:
        return _not_updatable(error)
    if state == "21000" and error.message.startswith("MERGE"):
        return oracle_error(30926)
    if state == "22003" and "numeric field overflow" not in error.message:
        return oracle_error(1426)
    if state == "42703":
        named = re.search(r'"([^"]+)"', error.message)
        return oracle_error(904, f'"{named[1]}"' if named else "column")
    if state == "0A000" and error.message.startswith(("cannot update column", "cannot insert into column")):
        return oracle_error(1733)
    if state == "0A000" and error.message.startswith("FOR NO KEY UPDATE is not allowed with"):
        return oracle_error(2014)
    if state == "2BP01" and "function" in error.message:
        what = "a function that an index, a column or a constraint uses cannot be dropped or changed so"
        return oracle_error(3001, f"{what} in the local database")
    if state in ("55000", "2200H") and "sequence" in error.message:
        named = re.search(r'"([^"]+)"', error.message)
        sequence = named[1] if named else ""
        if state == "55000":
            return oracle_error(8002, sequence)
        limit = "exceeds MAXVALUE" if "maximum" in error.message else "goes below MINVALUE"
        return oracle_error(8004, sequence, limit)
    if state.startswith("08"):
        return oracle_error(3113)
    if state in _PLAIN:
        return oracle_error(_PLAIN[state])
    return oracle_error(3001, f"PostgreSQL reports {state}: {error.message}")
