"""Simple PL/SQL as plpgsql: triggers, and functions that SQL calls. PostgreSQL runs them by itself.

Expressions and SQL are the SQL room's, with variables put in for their parameters. What has no plain
counterpart is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.localdb.contract import OraType
from app.localdb.errors import OracleError
from app.localdb.plsql import nodes as n
from app.localdb.plsql.failures import CompileError, Lines, undeclared, unsupported
from app.localdb.plsql.host import Host
from app.localdb.plsql.types import INTEGER, Scalar, Type
from app.localdb.sql import nodes as x
from app.localdb.sql.compiled import Compiled, Variable
from app.localdb.sql.lexer import T, Token

if TYPE_CHECKING:
    from app.localdb.plsql.units import Compiler

_PARAMETER = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|\$(\d+)""")

PG_TYPES = {
    OraType.NUMBER: "numeric",
    OraType.BINARY_INTEGER: "numeric",
    OraType.VARCHAR2: "text",
    OraType.CHAR: "text",
    OraType.LONG: "text",
    OraType.DATE: "oracle.date",
    OraType.TIMESTAMP: "timestamp",
    OraType.TIMESTAMP_TZ: "oracle.zoned",
    OraType.TIMESTAMP_LTZ: "timestamptz",
    OraType.INTERVAL_DS: "interval",
    OraType.INTERVAL_YM: "interval",
    OraType.RAW: "bytea",
    OraType.CLOB: "oracle.clob",
    OraType.BLOB: "oracle.blob",
    OraType.BOOLEAN: "boolean",
    OraType.BINARY_DOUBLE: "float8",
    OraType.BINARY_FLOAT: "float4",
}
_MARK = "\x01"  # around the line on which what follows has to stand
_MARKED = re.compile(f"{_MARK}([0-9]+){_MARK}")
_CONDITIONS = {"NO_DATA_FOUND": "no_data_found", "TOO_MANY_ROWS": "too_many_rows", "DUP_VAL_ON_INDEX": "unique_violation",
               "ZERO_DIVIDE": "division_by_zero"}  # fmt: skip


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def laid_out(code: str) -> str:
    """The code with each statement on the line that it has in its source: what PostgreSQL tells of an error's
    place is then Oracle's stack (app.localdb.errors). Only literals have newlines of their own."""
    parts = _MARKED.split(code)
    text = parts[0]
    for line, part in zip(parts[1::2], parts[2::2], strict=True):
        text += "\n" * (int(line) - 1 - text.count("\n")) + part
    return text


class Translator:
    """Translates the statements of one body. `names` are the variables: name -> (PostgreSQL text, type)."""

    def __init__(
        self, host: Host, compiler: Compiler, lines: Lines, names: dict[str, tuple[str, Type]]
    ) -> None:
        self.host = host
        self.compiler = compiler
        self.lines = lines
        self.names = dict(names)
        self.constants: dict[str, bool] = {}
        self.tables: set[tuple[str, str]] = set()
        self.uses_sql = False
        self.returning = "return"  # what RETURN without a value becomes
        self.result: str | None = None  # of a function: the PostgreSQL type of its result
        self.changes_data = False

    # Expressions

    def text_of(self, compiled: Compiled) -> str:
        """The statement with its parameters written out."""
        refs = [str(p.ref) for p in compiled.params]

        def put(match: re.Match[str]) -> str:
            return match[1] or f"({refs[int(match[2]) - 1]})"

        return _PARAMETER.sub(put, compiled.pg_text)

    def compiled(self, source: object, offset: int, **flags: object) -> Compiled:
        try:
            found = self.host.compile_sql(source, self.variable, text=self.lines.text, native=True, **flags)
            if found.temporary:
                raise unsupported("a temporary table in a trigger or a function that SQL calls", offset)
        except OracleError as error:
            raise self.compiler.sql_error(error, offset, False) from error
        self.tables |= set(found.tables)
        return found

    def variable(self, node: x.Expr) -> Variable | None:
        if not isinstance(node, x.Name):
            return None
        name = ".".join(node.parts)
        if name in ("INSERTING", "UPDATING", "DELETING"):
            raise unsupported(f"{name} inside a SQL expression", node.offset)
        found = self.names.get(name)
        if found is None:
            return None
        text, type_ = found
        ora = type_.ora or OraType.VARCHAR2
        return Variable(OraType.NUMBER if ora is OraType.BINARY_INTEGER else ora, text)

    def value(self, node: x.Expr) -> str:
        """An expression as a scalar subquery."""
        if isinstance(node, x.Name) and ".".join(node.parts) in self.names:
            return self.names[".".join(node.parts)][0]
        if isinstance(node, x.Null):
            return "null"
        at = node.offset
        query = x.Query(at, x.Select(at, [x.SelectItem(at, node, "X")], [x.TableRef(at, ("SYS", "DUAL"))]))
        text = self.text_of(self.compiled(query, at))
        if text.startswith("SELECT ") and "FROM" not in text:
            # an expression of plpgsql's own costs less than a query
            return f"({text[7:]})"
        return f"({text})"

    def condition(self, node: x.Expr) -> str:
        """A condition as a boolean of plpgsql; unknown counts as false there, too."""
        if isinstance(node, x.Paren):
            return f"({self.condition(node.operand)})"
        if isinstance(node, x.Binary) and node.op in ("AND", "OR"):
            return f"({self.condition(node.left)} {node.op.lower()} {self.condition(node.right)})"
        if isinstance(node, x.Unary) and node.op == "NOT":
            return f"(not {self.condition(node.operand)})"
        if isinstance(node, x.Boolean):
            return "true" if node.value else "false"
        if isinstance(node, x.Name):
            name = ".".join(node.parts)
            if name in ("INSERTING", "UPDATING", "DELETING"):
                return f"(tg_op = '{ {'INSERTING': 'INSERT', 'UPDATING': 'UPDATE', 'DELETING': 'DELETE'}[name] }')"
            found = self.names.get(name)
            if found is not None and found[1].ora is OraType.BOOLEAN:
                return found[0]
        if (
            isinstance(node, x.Call)
            and isinstance(node.target, x.Name)
            and node.target.parts == ("UPDATING",)
        ):
            raise unsupported("UPDATING('column')", node.offset)
        if isinstance(node, x.IsNull) and isinstance(node.operand, x.Name):
            found = self.names.get(".".join(node.operand.parts))
            if found is not None:
                return f"({found[0]} is {'not ' if node.negated else ''}null)"
        at = node.offset
        negated = x.Unary(at, "NOT", x.Paren(at, node))
        case = x.Case(at, None, [(node, x.Number(at, "1")), (negated, x.Number(at, "0"))], None)
        return f"({self.value(case)} = 1)"

    # Statements

    def block(self, block: n.Block) -> str:
        """DECLARE .. BEGIN .. EXCEPTION .. END of a nested or outer block, without what stands around it."""
        if block.autonomous:
            raise unsupported("an autonomous transaction in a trigger", block.start)
        before = dict(self.names)
        declared = [self.declaration(d) for d in block.declarations]
        parts = ["declare", *declared] if declared else []
        parts += ["begin", *[self.statement(s) for s in block.body]]
        if block.handlers:
            parts.append("exception")
            parts += [self.handler(h) for h in block.handlers]
        parts.append("end;")
        self.names = before
        return " ".join(parts)

    def declaration(self, declaration: n.Declaration) -> str:
        if not isinstance(declaration, n.VariableDecl):
            raise unsupported("a declaration other than a variable in a trigger", declaration.start)
        type_ = self.compiler.type_of(declaration.type, self.compiler.trigger_scope)
        if not isinstance(type_, Scalar):
            raise unsupported("a variable of a composite type in a trigger", declaration.start)
        initial = ""
        if declaration.default is not None:
            initial = f" := {self.typed_value(declaration.default, type_)}"
        text = quoted("v$" + declaration.name)
        self.names[declaration.name] = (text, type_)
        self.constants[declaration.name] = declaration.constant
        return f"{self.at(declaration.start)}{text} {pg_type(type_, declaration.start)}{initial};"

    def typed_value(self, node: x.Expr, type_: Type) -> str:
        if type_.ora is OraType.BOOLEAN:
            return self.condition(node)
        return self.value(node)

    def statement(self, statement: n.Statement) -> str:
        rule = _RULES.get(type(statement))
        if rule is None:
            what = re.sub(r"(?<=[a-z])([A-Z])", r" \1", type(statement).__name__).upper()
            raise unsupported(f"{what} in a trigger", statement.start)
        return self.at(statement.start) + rule(self, statement)

    def statements(self, statements: list[n.Statement]) -> str:
        return " ".join(self.statement(s) for s in statements)

    def assign(self, statement: n.Assign) -> str:
        target = statement.target
        name = ".".join(target.parts) if isinstance(target, x.Name) else ""
        found = self.names.get(name)
        if found is None:
            raise undeclared(name or "?", target.offset)
        if name.startswith(":OLD."):
            raise CompileError(
                "PLS-00363: expression 'OLD' cannot be used as an assignment target", target.offset
            )
        if self.constants.get(name):
            raise CompileError(
                f"PLS-00363: expression '{name}' cannot be used as an assignment target", target.offset
            )
        return f"{found[0]} := {self.typed_value(statement.value, found[1])};"

    def if_statement(self, statement: n.If) -> str:
        parts = []
        for position, (test, body) in enumerate(statement.branches):
            word = "elsif" if position else "if"
            parts.append(f"{word} {self.condition(test)} then {self.statements(body)}")
        if statement.otherwise:
            parts.append(f"else {self.statements(statement.otherwise)}")
        return " ".join(parts) + " end if;"

    def case_statement(self, statement: n.CaseStatement) -> str:
        parts = []
        for position, (test, body) in enumerate(statement.branches):
            if statement.selector is not None:
                test = x.Compare(test.offset, "=", statement.selector, test)
            word = "elsif" if position else "if"
            parts.append(f"{word} {self.condition(test)} then {self.statements(body)}")
        otherwise = (
            self.statements(statement.otherwise)
            if statement.otherwise
            else self.raise_text("ORA-06592: CASE not found while executing CASE statement")
        )
        return " ".join(parts) + f" else {otherwise} end if;"

    def null_statement(self, statement: n.Null) -> str:
        return "null;"

    def return_statement(self, statement: n.Return) -> str:
        if self.result is not None and statement.value is not None:
            return f"return ({self.value(statement.value)})::{self.result};"
        if statement.value is not None or self.result is not None:
            raise CompileError("PLS-00372: In a procedure, RETURN statement cannot contain an expression",
                               statement.start)  # fmt: skip
        return f"{self.returning};"

    def call_statement(self, statement: n.CallStatement) -> str:
        call = statement.call
        name = None
        if isinstance(call, x.Call) and isinstance(call.target, x.Name):
            name = call.target.parts[-1]
        if name != "RAISE_APPLICATION_ERROR" or not isinstance(call, x.Call):
            raise unsupported("a procedure call in a trigger", statement.start)
        if len(call.args) < 2:
            raise CompileError("PLS-00306: wrong number or types of arguments in call to 'RAISE_APPLICATION_ERROR'",
                               call.offset)  # fmt: skip
        number = self.value(call.args[0].value)
        message = self.value(call.args[1].value)
        return self.raise_expression(f"'ORA-' || (-({number}))::int::text || ': ' || coalesce({message}, '')")

    def raise_text(self, message: str) -> str:
        return self.raise_expression(literal(message))

    def raise_expression(self, message: str) -> str:
        return f"raise exception using message = {message};"

    def at(self, offset: int) -> str:
        """Goes before a statement: `laid_out` puts what follows on that line."""
        return f"{_MARK}{self.lines.line(offset)}{_MARK}"

    def sql(self, statement: n.Sql) -> str:
        self.uses_sql = True
        self.changes_data = self.changes_data or statement.verb != "SELECT"
        tokens = statement.query.tokens
        last = tokens[-1].end
        compiled = self.compiled(
            [*_row_names(tokens), Token(T.EOF, "", "", last, last)], statement.start, embedded=True
        )
        text, settled = self.text_of(compiled), _settled(compiled.tables)
        into = statement.into
        if into is None:
            if compiled.columns:
                raise unsupported("RETURNING without INTO", statement.start)
            return f"{settled}{text};"
        if into.bulk:
            raise unsupported("BULK COLLECT in a trigger", into.start)
        targets = []
        for target in into.targets:
            name = ".".join(target.parts) if isinstance(target, x.Name) else ""
            if name not in self.names:
                raise undeclared(name or "?", target.offset)
            targets.append(self.names[name][0])
        if statement.verb != "SELECT":
            raise unsupported("RETURNING INTO in a trigger", into.start)
        columns = ", ".join(f"q.c{i}" for i in range(len(compiled.columns)))
        names = ", ".join(f"c{i}" for i in range(len(compiled.columns)))
        return f"{settled}select {columns} into strict {', '.join(targets)} from ({text}) q ({names});"

    def handler(self, handler: n.Handler) -> str:
        conditions = []
        for name in handler.names:
            condition = _CONDITIONS.get(name[-1])
            if condition is None:
                raise unsupported(f"a handler of {'.'.join(name)} in a trigger", handler.start)
            conditions.append(condition)
        return f"when {' or '.join(conditions) or 'others'} then {self.statements(handler.body)}"

    def raise_statement(self, statement: n.Raise) -> str:
        if statement.name is not None:
            raise unsupported("RAISE of a named exception in a trigger", statement.start)
        return "raise;"

    # Loops

    def for_range(self, statement: n.ForRange) -> str:
        before = dict(self.names)
        low, high = self.value(statement.low), self.value(statement.high)
        variable = quoted("v$" + statement.variable)
        self.names[statement.variable] = (variable, INTEGER)
        self.constants[statement.variable] = True
        body = self.statements(statement.body)
        self.names = before
        bounds = f"({high})::int .. ({low})::int" if statement.reverse else f"({low})::int .. ({high})::int"
        reverse = "reverse " if statement.reverse else ""
        return f"{_label(statement.label)}for {variable} in {reverse}{bounds} loop {body} end loop;"

    def while_loop(self, statement: n.While) -> str:
        return (
            f"{_label(statement.label)}while {self.condition(statement.condition)} loop "
            f"{self.statements(statement.body)} end loop;"
        )

    def plain_loop(self, statement: n.Loop) -> str:
        return f"{_label(statement.label)}loop {self.statements(statement.body)} end loop;"

    def exit_statement(self, statement: n.Exit) -> str:
        word = "continue" if statement.proceed else "exit"
        label = f" {quoted(statement.label)}" if statement.label else ""
        when = f" when {self.condition(statement.condition)}" if statement.condition is not None else ""
        return f"{word}{label}{when};"


def _row_names(tokens: list[Token]) -> list[Token]:
    """:NEW.x as one name, which SQL's grammar can read."""
    found: list[Token] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        if token.kind is T.BIND and token.value in ("NEW", "OLD") and tokens[position + 1].word == ".":
            name = tokens[position + 2]
            found.append(Token(T.QUOTED, f":{token.value}.{name.value}", "", token.offset, name.end))
            position += 3
            continue
        found.append(token)
        position += 1
    return found


def _settled(tables: list[tuple[str, str]]) -> str:
    """Goes before SQL: ORA-04091 when the statement that runs all this is changing one of the tables."""
    read = ", ".join(literal(f"{schema}.{name}") for schema, name in tables if schema != "SYS")
    if not read:
        return ""
    return (
        "if current_setting('oracle.mutating', true) <> '' then"
        f" perform concord_catalog.refuse_mutating(array[{read}]); end if; "
    )


def _label(label: str | None) -> str:
    return f"<<{quoted(label)}>> " if label else ""


def pg_type(type_: Scalar, offset: int) -> str:
    """The PostgreSQL type of a variable, with what Oracle would check."""
    base = PG_TYPES.get(type_.ora)
    if base is None:
        raise unsupported(f"a variable of type {type_.name} in a trigger", offset)
    if base == "numeric" and type_.precision:
        return f"numeric({type_.precision}, {type_.scale or 0})"
    return base


_RULES: dict[type, Callable[[Translator, Any], str]] = {
    n.Assign: Translator.assign,
    n.If: Translator.if_statement,
    n.CaseStatement: Translator.case_statement,
    n.Null: Translator.null_statement,
    n.Return: Translator.return_statement,
    n.CallStatement: Translator.call_statement,
    n.Sql: Translator.sql,
    n.Raise: Translator.raise_statement,
    n.ForRange: Translator.for_range,
    n.While: Translator.while_loop,
    n.Loop: Translator.plain_loop,
    n.Exit: Translator.exit_statement,
    n.Block: Translator.block,
}
