"""The packages that Oracle supplies, as far as they are known here: STANDARD, DBMS_OUTPUT and the like."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.localdb.errors import OracleError
from app.localdb.plsql import convert, lobs
from app.localdb.plsql.failures import MESSAGES, PREDEFINED
from app.localdb.plsql.routines import native
from app.localdb.plsql.runtime import Context, Event, Raised
from app.localdb.plsql.scope import Computed, ExceptionSymbol, Layout, RoutineSymbol, Scope, TypeSymbol
from app.localdb.plsql.types import (
    BLOB,
    BOOLEAN,
    CLOB,
    DATE,
    INTEGER,
    NUMBER,
    RAW,
    SYS_REFCURSOR,
    VARCHAR2,
    CollectionType,
    Scalar,
    Type,
)
from app.localdb.plsql.values import Collection, CursorHandle
from app.localdb.sql.catalog import ObjectKind

_LINES = CollectionType("CHARARR", "INDEX BY", VARCHAR2, INTEGER)
_TYPES: dict[str, Type] = {
    "varchar2": VARCHAR2, "number": NUMBER, "integer": INTEGER, "boolean": BOOLEAN, "clob": CLOB, "blob": BLOB,
    "raw": RAW, "date": DATE, "lines": _LINES,
    "refcursor": SYS_REFCURSOR,
}  # fmt: skip


class Builder:
    """Collects the members of one package."""

    def __init__(self) -> None:
        self.scope = Scope(None, Layout(0))

    def add(
        self,
        name: str,
        parameters: str,
        body: Callable[..., Any],
        returns: Type | None = None,
        **defaults: Any,
    ) -> None:
        """A routine; several of one name are overloads."""
        symbol = self.scope.names.setdefault(name, RoutineSymbol(name))
        assert isinstance(symbol, RoutineSymbol)
        given = {key.upper(): value for key, value in defaults.items()}
        symbol.routines.append(native(name, parameters, body, _TYPES, returns, given))

    def constant(self, name: str, type_: Type, value: Any) -> None:
        self.scope.names[name] = Computed(type_, lambda f: value)

    def type(self, name: str, type_: Type) -> None:
        self.scope.names[name] = TypeSymbol(name, type_)


# STANDARD


def _raise_application_error(ctx: Context, number: Any, message: str | None, keep: bool | None) -> None:
    if number is None or not -20999 <= number <= -20000:
        raise OracleError(21000, MESSAGES[21000].format(convert.number_text(number or 0)))
    error = Raised(-int(number), (message or "")[:2048])
    if keep and ctx.handling:
        older = ctx.handling[-1]
        error.trace = [older.text, *older.trace]
    raise error


def _event(ctx: Context) -> Event:
    """What fired the innermost trigger that runs."""
    return ctx.events[-1] if ctx.events else Event("")


def _standard() -> Scope:
    b = Builder()
    b.add("RAISE_APPLICATION_ERROR", "num in number, msg in varchar2, keeperrorstack in boolean",
          _raise_application_error, keeperrorstack=False)  # fmt: skip
    for name, verb in (("INSERTING", "INSERT"), ("UPDATING", "UPDATE"), ("DELETING", "DELETE")):
        b.add(name, "", lambda ctx, verb=verb: _event(ctx).verb == verb, BOOLEAN)
    b.add("UPDATING", "col in varchar2", lambda ctx, col: (col or "").upper() in _event(ctx).columns, BOOLEAN)
    for name, code in PREDEFINED.items():
        b.scope.names[name] = ExceptionSymbol(name, 1403 if code == 100 else -code)
    return b.scope


# DBMS_OUTPUT


def _put_line(ctx: Context, text: str | None) -> None:
    if ctx.output_enabled:
        line = (ctx.output_line or "") + (text or "")
        if len(line.encode()) > 32767:
            raise OracleError(20000, "ORU-10028: line length overflow, limit of 32767 bytes per line")
        ctx.output_size += len(line.encode())
        if ctx.output_limit is not None and ctx.output_size > ctx.output_limit:
            raise OracleError(20000, f"ORU-10027: buffer overflow, limit of {ctx.output_limit} bytes")
        ctx.output.append(line)
        ctx.output_line = None


def _put(ctx: Context, text: str | None) -> None:
    if ctx.output_enabled:
        ctx.output_line = (ctx.output_line or "") + (text or "")


def _new_line(ctx: Context) -> None:
    _put_line(ctx, None)


def _enable(ctx: Context, size: Any) -> None:
    ctx.output_enabled = True
    ctx.output_limit = None if size is None else min(max(int(size), 2000), 1_000_000)


def _disable(ctx: Context) -> None:
    ctx.output_enabled = False
    ctx.output.clear()
    ctx.output_size = 0
    ctx.output_line = None


def _get_line(ctx: Context) -> tuple[str | None, int]:
    if not ctx.output:
        return None, 1
    line = ctx.output.pop(0)
    ctx.output_size -= len(line.encode())
    return line or None, 0


def _get_lines(ctx: Context, count: Any) -> tuple[Collection, int]:
    wanted = int(count or 0)
    found, ctx.output = ctx.output[:wanted], ctx.output[wanted:]
    ctx.output_size -= sum(len(line.encode()) for line in found)
    return Collection(_LINES, True, [line or None for line in found]), len(found)


def _dbms_output() -> Scope:
    b = Builder()
    b.type("CHARARR", _LINES)
    b.type("DBMSOUTPUT_LINESARRAY", _LINES)
    b.add("PUT_LINE", "a in varchar2", _put_line)
    b.add("PUT", "a in varchar2", _put)
    b.add("NEW_LINE", "", _new_line)
    b.add("ENABLE", "buffer_size in number", _enable, buffer_size=20000)
    b.add("DISABLE", "", _disable)
    b.add("GET_LINE", "line out varchar2, status out integer", _get_line)
    b.add("GET_LINES", "lines out lines, numlines in out integer", _get_lines)
    return b.scope


# DBMS_APPLICATION_INFO, DBMS_SESSION, DBMS_LOCK


def _tag(name: str, size: int) -> Callable[[Context, str | None], None]:
    def set_tag(ctx: Context, value: str | None) -> None:
        ctx.host.tags[name] = (value or "").encode()[:size].decode(errors="ignore")

    return set_tag


_set_module, _set_action = _tag("module", 64), _tag("action", 64)


def _module_and_action(ctx: Context, module: str | None, action: str | None) -> None:
    _set_module(ctx, module)
    _set_action(ctx, action)


def _dbms_application_info() -> Scope:
    b = Builder()
    b.add("SET_MODULE", "module_name in varchar2, action_name in varchar2", _module_and_action)
    b.add("SET_ACTION", "action_name in varchar2", _set_action)
    b.add("SET_CLIENT_INFO", "client_info in varchar2", _tag("client_info", 64))
    b.add("READ_MODULE", "module_name out varchar2, action_name out varchar2",
          lambda ctx: (ctx.host.tags.get("module") or None, ctx.host.tags.get("action") or None))  # fmt: skip
    b.add(
        "READ_CLIENT_INFO",
        "client_info out varchar2",
        lambda ctx: (ctx.host.tags.get("client_info") or None,),
    )
    return b.scope


def _sleep(ctx: Context, seconds: Any) -> None:
    """Waits in small steps so that a cancel of the call is noticed."""
    if seconds is None:
        return
    until = time.monotonic() + float(seconds)
    while (left := until - time.monotonic()) > 0:
        ctx.host.check_cancelled()
        time.sleep(min(left, 0.05))
    ctx.host.check_cancelled()


def _dbms_session() -> Scope:
    b = Builder()
    b.add("SLEEP", "seconds in number", _sleep)
    b.add("SET_IDENTIFIER", "client_id in varchar2", _tag("client_identifier", 64))
    b.add("CLEAR_IDENTIFIER", "", lambda ctx: ctx.host.tags.pop("client_identifier", None) and None)
    b.add("RESET_PACKAGE", "", lambda ctx: ctx.forget_packages())
    b.add("UNIQUE_SESSION_ID", "", lambda ctx: f"{ctx.host.sid:04X}00010001", VARCHAR2)
    return b.scope


def _dbms_lock() -> Scope:
    b = Builder()
    b.add("SLEEP", "seconds in number", _sleep)
    return b.scope


# DBMS_UTILITY


def _backtrace(ctx: Context) -> str | None:
    if not ctx.handling:
        return None
    lines = [line for line in ctx.handling[-1].trace if line.startswith("ORA-06512")]
    return "".join(line + "\n" for line in lines) or None


_MOST_STACK = 2000  # bytes of FORMAT_ERROR_STACK


def _error_stack(ctx: Context) -> str | None:
    if not ctx.handling:
        return None
    error = ctx.handling[-1]
    stack = "".join(line + "\n" for line in (error.text, *error.trace))
    return stack.encode()[:_MOST_STACK].decode("utf-8", "ignore")


def _dbms_utility() -> Scope:
    b = Builder()
    b.add("FORMAT_ERROR_BACKTRACE", "", _backtrace, VARCHAR2)
    b.add("FORMAT_ERROR_STACK", "", _error_stack, VARCHAR2)
    b.add("GET_TIME", "", lambda ctx: int(time.monotonic() * 100) % 2**31, NUMBER)
    return b.scope


# DBMS_RANDOM


def _random_value(ctx: Context, low: Any = 0, high: Any = 1) -> Any:
    fraction = Decimal(random.getrandbits(126)) / Decimal(2**126)
    return convert.number(Decimal(low) + fraction * (Decimal(high) - Decimal(low)))


_ALPHABETS = {
    "U": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "L": "abcdefghijklmnopqrstuvwxyz",
    "A": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    "X": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "P": "".join(chr(c) for c in range(32, 127)),
}


def _random_string(ctx: Context, kind: str | None, length: Any) -> str | None:
    letters = _ALPHABETS.get((kind or "U").upper(), _ALPHABETS["U"])
    return "".join(random.choice(letters) for _ in range(int(length or 0))) or None


def _dbms_random() -> Scope:
    b = Builder()
    b.add("VALUE", "", _random_value, NUMBER)
    b.add("VALUE", "low in number, high in number", _random_value, NUMBER)
    b.add("STRING", "opt in varchar2, len in number", _random_string, VARCHAR2)
    b.add("NORMAL", "", lambda ctx: convert.from_double(random.gauss(0, 1)), NUMBER)
    b.add("RANDOM", "", lambda ctx: random.randint(-(2**31), 2**31 - 1), INTEGER)
    b.add("SEED", "val in varchar2", lambda ctx, value: random.seed(value))
    return b.scope


# DBMS_FLASHBACK, DBMS_STATS, DBMS_LOB


def _system_change_number(ctx: Context) -> Any:
    compiled = ctx.host.database.plsql.conversions.get("scn")
    if compiled is None:
        compiled = ctx.host.compile_sql("select current_scn from v$database")
        ctx.host.database.plsql.conversions["scn"] = compiled
    return ctx.host.query_values(compiled, (), 1)[0][0]


def _dbms_flashback() -> Scope:
    b = Builder()
    b.add("GET_SYSTEM_CHANGE_NUMBER", "", _system_change_number, NUMBER)
    return b.scope


def _accept(ctx: Context, *values: Any) -> None:
    """Statistics of Oracle's optimiser mean nothing to the local database: nothing to do."""


def _gather_table_stats(ctx: Context, owner: str | None, table: str, *_: Any) -> None:
    """NUM_ROWS and BLOCKS, by PostgreSQL's ANALYZE; the other parameters choose what it does not."""

    def named(text: str) -> str:
        return text[1:-1] if text[:1] == '"' else text.upper()

    host = ctx.host
    schema = named(owner) if owner else host.current_schema
    found = host.catalog.resolve(schema, named(table), schema)
    if found is None or found.kind is not ObjectKind.TABLE or found.temporary is not None:
        raise OracleError(
            20000,
            f'Unable to analyze TABLE "{schema}"."{named(table)}", insufficient privileges or does not exist',
        )
    host.pg_execute(f"analyze {found.relation}")
    host.commit()


def _dbms_stats() -> Scope:
    b = Builder()
    table = "ownname in varchar2, tabname in varchar2"
    b.add("GATHER_TABLE_STATS", table + ", partname in varchar2, estimate_percent in number, "
          "block_sample in boolean, method_opt in varchar2, degree in number, granularity in varchar2, "
          "cascade in boolean, stattab in varchar2, statid in varchar2, statown in varchar2, "
          "no_invalidate in boolean, stattype in varchar2, force in boolean", _gather_table_stats,
          partname=None, estimate_percent=None, block_sample=None, method_opt=None, degree=None,
          granularity=None, cascade=None, stattab=None, statid=None, statown=None, no_invalidate=None,
          stattype=None, force=None)  # fmt: skip
    b.add("LOCK_TABLE_STATS", table, _accept)
    b.add("UNLOCK_TABLE_STATS", table, _accept)
    b.constant("AUTO_SAMPLE_SIZE", NUMBER, 0)
    b.constant("AUTO_CASCADE", BOOLEAN, None)
    return b.scope


def _dbms_lob() -> Scope:
    b = Builder()
    for kind, piece in (("clob", "varchar2"), ("blob", "raw")):
        element = _TYPES[piece]
        lob = _TYPES[kind]
        b.add("GETLENGTH", f"lob_loc in {kind}", lobs.length, INTEGER)
        b.add("SUBSTR", f"lob_loc in {kind}, amount in integer, offset in integer", lobs.substr, element,
              amount=32767, offset=1)  # fmt: skip
        b.add("INSTR", f"lob_loc in {kind}, pattern in {piece}, offset in integer, nth in integer", lobs.instr,
              INTEGER, offset=1, nth=1)  # fmt: skip
        b.add("APPEND", f"dest_lob in out {kind}, src_lob in {kind}", lobs.append)
        b.add(
            "WRITEAPPEND", f"lob_loc in out {kind}, amount in integer, buffer in {piece}", lobs.write_append
        )
        b.add(
            "WRITE",
            f"lob_loc in out {kind}, amount in integer, offset in integer, buffer in {piece}",
            lobs.write,
        )
        b.add(
            "READ",
            f"lob_loc in {kind}, amount in out integer, offset in integer, buffer out {piece}",
            lobs.read,
        )
        b.add(
            "ERASE", f"lob_loc in out {kind}, amount in out integer, offset in integer", lobs.erase, offset=1
        )
        b.add("OPEN", f"lob_loc in out {kind}, open_mode in integer", lobs.open_)
        b.add("CLOSE", f"lob_loc in out {kind}", lobs.close)
        b.add("ISOPEN", f"lob_loc in {kind}", lobs.is_open, INTEGER)
        b.add("TRIM", f"lob_loc in out {kind}, newlen in integer", lobs.trim)
        b.add("CREATETEMPORARY", f"lob_loc in out {kind}, cache in boolean, dur in integer",
              lobs.create_clob if kind == "clob" else lobs.create_blob, cache=True, dur=10)  # fmt: skip
        b.add("FREETEMPORARY", f"lob_loc in out {kind}", lambda ctx, lob: (None,))
        b.add("ISTEMPORARY", f"lob_loc in {kind}", lobs.is_temporary, INTEGER)
        b.add(
            "COPY",
            f"dest_lob in out {kind}, src_lob in {kind}, amount in integer, dest_offset in integer,"
            " src_offset in integer",
            lobs.copy,
            dest_offset=1,
            src_offset=1,
        )
        b.add("COMPARE", f"lob_1 in {kind}, lob_2 in {kind}", lobs.compare, INTEGER)
        assert lob is not None
    b.constant("SESSION", INTEGER, 10)
    b.constant("CALL", INTEGER, 12)
    b.constant("LOB_READONLY", INTEGER, 0)
    b.constant("LOB_READWRITE", INTEGER, 1)
    b.constant("LOBMAXSIZE", NUMBER, 18446744073709551615)
    return b.scope


def _return_result(ctx: Context, cursor: CursorHandle | None, to_client: bool | None) -> None:
    """The client gets the open result after the block; the block can fetch from it no longer."""
    if cursor is None or not cursor.is_open:
        raise OracleError(1001, "invalid cursor")
    cursor.abandoned, cursor.is_open = None, False
    ctx.host.implicit_results.append(cursor.result)


def _dbms_sql() -> Scope:
    b = Builder()
    b.add("RETURN_RESULT", "rc in refcursor, to_client in boolean", _return_result, to_client=True)
    b.type("VARCHAR2_TABLE", CollectionType("VARCHAR2_TABLE", "INDEX BY", Scalar(VARCHAR2.ora, "VARCHAR2", size=4000),
                                            INTEGER))  # fmt: skip
    b.type("NUMBER_TABLE", CollectionType("NUMBER_TABLE", "INDEX BY", NUMBER, INTEGER))
    b.type("DATE_TABLE", CollectionType("DATE_TABLE", "INDEX BY", DATE, INTEGER))
    return b.scope


SYSTEM_TYPES = {
    name: TypeSymbol(name, CollectionType(name, "VARRAY", element, limit=32767))
    for name, element in (
        ("ODCIVARCHAR2LIST", Scalar(VARCHAR2.ora, "VARCHAR2", size=4000)),
        ("ODCINUMBERLIST", NUMBER),
        ("ODCIDATELIST", DATE),
    )
}
STANDARD = _standard()
SUPPLIED = {
    "DBMS_STANDARD": STANDARD,
    "DBMS_OUTPUT": _dbms_output(),
    "DBMS_APPLICATION_INFO": _dbms_application_info(),
    "DBMS_SESSION": _dbms_session(),
    "DBMS_LOCK": _dbms_lock(),
    "DBMS_UTILITY": _dbms_utility(),
    "DBMS_RANDOM": _dbms_random(),
    "DBMS_FLASHBACK": _dbms_flashback(),
    "DBMS_STATS": _dbms_stats(),
    "DBMS_LOB": _dbms_lob(),
    "DBMS_SQL": _dbms_sql(),
}
REFUSED = frozenset(
    [
        "DBMS_SCHEDULER",
        "DBMS_JOB",
        "DBMS_ALERT",
        "DBMS_PIPE",
        "DBMS_AQ",
        "DBMS_AQADM",
        "DBMS_CRYPTO",
        "DBMS_METADATA",
        "DBMS_XMLGEN",
        "DBMS_PARALLEL_EXECUTE",
        "DBMS_REDEFINITION",
        "DBMS_FGA",
        "DBMS_RLS",
        "DBMS_MVIEW",
        "DBMS_XPLAN",
        "DBMS_ROWID",
        "DBMS_TYPES",
        "DBMS_ASSERT",
        "DBMS_CQ_NOTIFICATION",
        "DBMS_CHANGE_NOTIFICATION",
        "DBMS_SODA",
        "DBMS_XA",
        "DBMS_TRANSACTION",
        "UTL_RAW",
        "UTL_FILE",
        "UTL_HTTP",
        "UTL_SMTP",
        "UTL_TCP",
        "UTL_ENCODE",
        "UTL_I18N",
        "UTL_MATCH",
        "OWA",
        "HTP",
        "APEX_JSON",
    ]
)
