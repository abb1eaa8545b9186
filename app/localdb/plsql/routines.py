"""Procedures and functions as the interpreter holds them, and how a call of one runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.localdb.errors import OracleError
from app.localdb.plsql.code import Store
from app.localdb.plsql.failures import failure
from app.localdb.plsql.runtime import Frame, Run, raised
from app.localdb.plsql.scope import Layout
from app.localdb.plsql.types import Scalar, Type
from app.localdb.plsql.values import copied

if TYPE_CHECKING:
    from app.localdb.plsql.units import Unit


@dataclass(eq=False)
class Formal:
    """A formal parameter. `default` runs in the frame that the routine is declared in."""

    name: str
    mode: str  # "IN", "OUT" or "IN OUT"
    type: Type
    slot: int
    default: Run | None = None


@dataclass(eq=False)
class Routine:
    """A procedure, or a function when `returns` is there.

    `body` is None until the unit's body is loaded. `level` is the nesting of its own frames: 0 for
    standalone ones and those of the database itself, 1 for those of packages.
    """

    name: str
    formals: list[Formal]
    returns: Type | None
    layout: Layout
    label: str
    unit: Unit | None = None
    body: Run | None = None
    offset: int = 0
    autonomous: bool = False
    announced: bool = False  # in a package specification, or standalone: SQL can name it
    by_name: dict[str, Formal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.by_name = {f.name: f for f in self.formals}

    def loaded_body(self, frame: Frame) -> Run:
        """The body; loads that of the unit when it is not there yet."""
        if self.body is None:
            if self.unit is None:
                raise failure(6508)
            self.unit.load_body(frame.ctx)
            if self.body is None:
                raise OracleError(6508, f'PL/SQL: could not find program unit being called: "{self.label}"')
        return self.body


ParentOf = Callable[[Frame], "Frame | None"]


def call(
    routine: Routine,
    parent_of: ParentOf,
    inputs: list[tuple[Formal, Run]],
    outputs: list[tuple[Formal, Store]],
    owner: str | None,
) -> Run:
    """A call as a closure: its result, None for a procedure.

    `inputs` are the fitted values of IN and IN OUT parameters, `outputs` where OUT and IN OUT ones go after success.
    `owner` is the user whose rights the routine runs with, None when that does not change.
    """
    takes = [(f.slot, run) for f, run in inputs]
    copies = [f.slot for f, _ in inputs if f.mode == "IN OUT" and not isinstance(f.type, Scalar)]
    gives = [(f.slot, store) for f, store in outputs]
    fresh = [(f.slot, f.type) for f, _ in outputs if f.mode == "OUT"]
    layout, label = routine.layout, routine.label
    returns = routine.returns

    def run(frame: Frame) -> Any:
        ctx = frame.ctx
        body = routine.body or routine.loaded_body(frame)
        new = Frame(ctx, parent_of(frame), layout.size, label)
        values = new.v
        for slot, value in takes:
            values[slot] = value(frame)
        for slot in copies:
            values[slot] = copied(values[slot])
        for slot, type_ in fresh:
            values[slot] = type_.initial()
        try:
            if owner is not None and ctx.host.current_user != owner:
                with ctx.host.as_user(owner):
                    signal = body(new)
            else:
                signal = body(new)
        except OracleError as error:
            found = raised(error)
            if label != "SYS":
                found.note(new)
            if found is error:
                raise
            raise found from error
        if returns is not None and signal is None:
            missing = raised(failure(6503))
            missing.note(new)
            raise missing
        for slot, store in gives:
            store(frame, values[slot])
        return new.result

    return run


def native(
    name: str,
    parameters: str,
    body: Callable[..., Any],
    types: dict[str, Type],
    returns: Type | None = None,
    defaults: dict[str, Any] | None = None,
) -> Routine:
    """A routine of the database itself, in Python.

    `parameters` reads like `line in varchar2, status out integer`. `body` gets the context and the IN and IN
    OUT values in order, and answers: a function its result, a procedure the tuple of its OUT and IN OUT
    values (None when it has none).
    """
    layout = Layout(0)
    formals = []
    for part in filter(None, (p.strip() for p in parameters.split(","))):
        words = part.split()
        mode = " ".join(words[1:-1]).upper()
        formal = Formal(words[0].upper(), mode, types[words[-1]], layout.slot())
        if defaults is not None and formal.name in defaults:
            value = defaults[formal.name]
            formal.default = lambda f, value=value: value
        formals.append(formal)
    ins = [f.slot for f in formals if f.mode != "OUT"]
    outs = [f.slot for f in formals if f.mode != "IN"]

    def run(frame: Frame) -> Any:
        values = frame.v
        answer = body(frame.ctx, *[values[i] for i in ins])
        if returns is not None:
            frame.result = answer
        elif outs:
            for slot, value in zip(outs, answer, strict=True):
                values[slot] = formals[slot].type.fit(value)
        return frame

    return Routine(name, formals, returns, layout, "SYS", body=run)
