"""What runs: frames, the execution context of a session, exceptions with their stack of lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.localdb.errors import OracleError
from app.localdb.plsql.host import Host

if TYPE_CHECKING:
    from app.localdb.plsql.scope import ExceptionSymbol
    from app.localdb.plsql.units import PackageUnit

Run = Callable[["Frame"], Any]
"""A compiled expression: its value; or a compiled statement: None, or a signal to leave."""


class Signal:
    """Why a statement leaves its sequence: RETURN, or EXIT or CONTINUE of one loop."""

    __slots__ = ()


RETURN = Signal()


class Raised(OracleError):
    """An exception on its way up. `symbol` is a user-defined exception without a code, `trace` the lines
    that follow the message (ORA-06512 and older errors), `noted` the frame whose line is in it already."""

    def __init__(self, code: int, message: str, symbol: ExceptionSymbol | None = None) -> None:
        super().__init__(code, message)
        self.symbol = symbol
        self.trace: list[str] = []
        self.noted: Frame | None = None
        self.carried: list[str] = []  # lines of the trace that SQLERRM shows as well

    @property
    def sqlcode(self) -> int:
        if self.symbol is not None:
            return 1
        return 100 if self.code in (100, 1403) else -self.code

    @property
    def sqlerrm(self) -> str:
        if self.symbol is not None:
            return "User-Defined Exception"
        return "\n".join([self.text, *self.carried])

    @property
    def text(self) -> str:
        if self.symbol is not None:
            return "ORA-06510: PL/SQL: unhandled user-defined exception"
        return super().text

    def note(self, frame: Frame) -> None:
        """Add the line at which `frame` stands."""
        if self.noted is not frame:
            self.noted = frame
            self.trace.append(here(frame))

    def for_client(self) -> OracleError:
        code, message = self.code, self.message
        if self.symbol is not None:
            code, message = 6510, "PL/SQL: unhandled user-defined exception"
        return OracleError(code, "\n".join([message, *self.trace]))


def here(frame: Frame) -> str:
    """The stack line of the statement that `frame` runs."""
    place = f'"{frame.label}", line' if frame.label else "line"
    return f"ORA-06512: at {place} {frame.line}"


def raised(error: OracleError) -> Raised:
    """`error` as an exception of PL/SQL; the lines that it brings stay its lines."""
    if isinstance(error, Raised):
        return error
    message, *trace = error.message.split("\nORA-")
    found = Raised(error.code, message)
    found.trace = ["ORA-" + line for line in trace]
    found.carried = list(found.trace)  # the stack of a function or trigger is part of its statement's message
    return found


@dataclass(slots=True)
class ImplicitCursor:
    """What SQL%... tells of the last statement."""

    row_count: int | None = None
    bulk_row_counts: list[int] = field(default_factory=list)
    bulk_exceptions: list[tuple[int, int]] = field(default_factory=list)  # iteration, error code


@dataclass(frozen=True, slots=True)
class Event:
    """What a statement does to a table, as its triggers see it. `columns` are those that an UPDATE sets."""

    verb: str  # INSERT, UPDATE or DELETE
    columns: frozenset[str] = frozenset()


class Context:
    """Everything one session's PL/SQL keeps: package state, the implicit cursor, exceptions in handling.

    Written by the session's thread only.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.sql = ImplicitCursor()
        self.states: dict[PackageUnit, Frame] = {}
        self.packages: dict[tuple[str, str], tuple[PackageUnit, Frame]] = {}
        self.handling: list[Raised] = []
        self.events: list[Event] = []  # of the triggers that are running, the innermost last
        self.output: list[str] = []  # complete lines of DBMS_OUTPUT
        self.output_line: str | None = None  # the line PUT has begun
        self.output_enabled = False
        self.output_limit: int | None = 20_000  # bytes; None: none
        self.output_size = 0
        self.abandoned: list[Any] = []  # open results that no variable holds any more

    def state(self, unit: PackageUnit) -> Frame:
        """The package's variables in this session; initialises it at its first use.

        Raises ORA-04068 once when the package was replaced and this session kept something in it.
        """
        found = self.states.get(unit)
        if found is not None:
            return found
        key = (unit.owner, unit.name)
        frame = unit.new_state(self)
        older = self.packages.get(key)
        self.packages[key] = (unit, frame)
        self.states = dict(self.packages.values())
        if older is not None and older[0].has_state:
            if older[0].stamp == unit.stamp:
                frame.v = older[1].v
                return frame
            del self.packages[key], self.states[unit]
            label = f'"{unit.label}"'
            raise OracleError(
                4068,
                "existing state of packages has been discarded\n"
                f"ORA-04061: existing state of package {label} has been invalidated\n"
                f"ORA-04065: not executed, altered or dropped package {label}\n"
                f"ORA-06508: PL/SQL: could not find program unit being called: {label}",
            )
        try:
            if self.host.current_user != unit.owner and not unit.invoker_rights:
                with self.host.as_user(unit.owner):
                    unit.initialise(frame)
            else:
                unit.initialise(frame)
        except OracleError:
            del self.packages[key], self.states[unit]
            raise
        return frame

    def close_abandoned(self) -> None:
        """Close what cursor variables left open when they went out of scope."""
        while self.abandoned:
            self.abandoned.pop().close()

    def forget_packages(self) -> None:
        """DBMS_SESSION.RESET_PACKAGE."""
        self.packages.clear()
        self.states = {}


class Frame:
    """One running subprogram, block of the client, or package state.

    `v` holds its variables, `up` is the frame it was declared in, `label` names its unit ("OWNER.NAME").
    """

    __slots__ = ("ctx", "label", "line", "result", "up", "v")

    def __init__(self, ctx: Context, up: Frame | None, size: int, label: str) -> None:
        self.ctx = ctx
        self.up = up
        self.v: list[Any] = [None] * size
        self.label = label
        self.line = 0
        self.result: Any = None
