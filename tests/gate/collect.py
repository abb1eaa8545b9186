"""Every SQL and PL/SQL text of the product: the files below plsql/, and the texts in Python that reach the driver.

Texts in Python are found from the driver's own methods backwards: whatever is passed to `execute` and its kin is a
statement, and a function that passes a parameter on to one of them is such a method itself. Texts are put together
from constants, f-strings, local names and what callers pass. What cannot be known without running the program is a
hole; `holes` describes each by samples. A text that looks like SQL and reaches no driver, and a statement with a hole
that nobody has described, are faults of their own, so nothing hides.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path

from app.oracle.scripts import split, substitute
from app.oracle.sources import source_files
from tests.gate.built import FOLDERS, built
from tests.gate.holes import BUILT, DUCKDB, HOLES, NOT_SENT, WRAPPERS

ROOT = Path(__file__).parents[2]
_ROOMS = ("app", "worker")
_DRIVER = (".execute", ".executemany", ".parse", ".fetch_df_all", ".fetch_df_batches", ".registerquery")
_LOOKS_LIKE_SQL = re.compile(
    r"\s*(select\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|merge\s+into\s|with\s+\w+\s+as\s*\(|begin\s|declare\s"
    r"|(create|alter|drop)\s+(or\s|table\s|index\s|user\s|view\s|session\s|sequence\s|package\s)|grant\s+\w+\s|comment\s+on\s"
    r"|lock\s+table\s|truncate\s+table\s|set\s+transaction\s)"
)
_MOST_TEXTS = 24
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Hole:
    """A part of a text that only the running program knows: the expression, and what it may be."""

    source: str
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """One statement. owner: file, and in Python the function. parts: pieces as written, with holes between. sign: a
    regular expression by which one that was built of pieces is known again."""

    owner: str
    file: str
    line: int
    parts: tuple[str | Hole, ...]
    sign: str = ""

    def texts(self) -> list[str]:
        """Complete statements: the holes filled with their samples."""
        choices = [part.samples if isinstance(part, Hole) else (part,) for part in self.parts]
        return ["".join(choice) for choice in itertools.islice(itertools.product(*choices), _MOST_TEXTS)]

    def pattern(self) -> re.Pattern[str]:
        """Matches this statement as it reaches the database, white space apart; see `plain`."""
        pieces = [
            "(?:.*?)" if isinstance(part, Hole) else r" ?".join(map(re.escape, re.split(r"\s+", part)))
            for part in self.parts
        ]
        return re.compile("".join(pieces).strip(), re.DOTALL)

    def is_in(self, executed: str) -> bool:
        """Whether a statement that reached the database, white space apart, is this one."""
        if self.sign:
            return re.search(self.sign, executed) is not None
        return self.pattern().fullmatch(executed) is not None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def plain(text: str) -> str:
    """A statement as `Text.pattern` expects it."""
    return " ".join(text.split())


@dataclass(slots=True)
class Collection:
    """All statements, and by file and line what could not be read."""

    texts: list[Text] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@cache
def collect() -> Collection:
    """Everything of the product."""
    found = Collection(list(stored()))
    _Programs(found).collect()
    found.texts += (Text(f"{one.file}:{one.name}", one.file, 1, (one.text,), one.sign) for one in built())
    return found


def stored() -> Iterator[Text]:
    """The statements of plsql/, cut as the installer cuts them."""
    for folder, suffix in FOLDERS:
        for file in source_files(folder, suffix):
            text = substitute(file.text, {"owner": "CONCORD", "app_user": "CONCORD_APP"})
            for number, statement in enumerate(split(text), 1):
                name = f"plsql/{file.name}"
                yield Text(f"{name}#{number}", name, statement.line, (statement.text,))


def documented() -> Iterator[Text]:
    """The statements in the SQL blocks of README.md and docs/."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = path.read_text()
        for block in re.finditer(r"```sql\n(.*?)```", text, re.DOTALL):
            line = text.count("\n", 0, block.start(1))
            script = re.sub(r"^(variable|print|column|set|define|accept|prompt|connect) .*$", "", block[1], flags=re.MULTILINE)  # fmt: skip
            script = re.sub(r"&\w+\.?", "x", script)
            for number, statement in enumerate(split(script), 1):
                name = str(path.relative_to(ROOT))
                yield Text(f"{name}#{line}.{number}", name, line + statement.line, (statement.text,))


Parts = tuple[str | Hole, ...]
Function = ast.FunctionDef | ast.AsyncFunctionDef


class _Unknown(Exception):
    """An expression whose text cannot be known; the text is its source."""


class _Module:
    """One file of Python: its tree, and for each node the one above."""

    def __init__(self, path: Path) -> None:
        self.name = str(path.relative_to(ROOT))
        self.tree = ast.parse(path.read_text())
        self.above: dict[ast.AST, ast.AST] = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    @cached_property
    def uses_duckdb_only(self) -> bool:
        """Whether its SQL is DuckDB's."""
        names = {
            alias.name for node in ast.walk(self.tree) if isinstance(node, ast.Import) for alias in node.names
        }
        return self.name in DUCKDB or ("duckdb" in names and "oracledb" not in names)

    @cached_property
    def imported(self) -> dict[str, tuple[str, str]]:
        """Name here -> file and name there, for what comes from the product."""
        return {
            alias.asname or alias.name: (f"{(node.module or '').replace('.', '/')}.py", alias.name)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def functions_around(self, node: ast.AST) -> Iterator[Function]:
        """Innermost first."""
        while (node := self.above.get(node, self.tree)) is not self.tree:
            if isinstance(node, Function):
                yield node

    def owner(self, node: ast.AST) -> str:
        """The file, and the class and function in which the node stands."""
        names: list[str] = []
        while (node := self.above.get(node, self.tree)) is not self.tree:
            if isinstance(node, Function | ast.ClassDef):
                names.insert(0, node.name)
        return f"{self.name}:{'.'.join(names) or '<module>'}"

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))


class _Programs:
    """The search through all modules."""

    def __init__(self, found: Collection) -> None:
        self._found = found
        paths = (path for room in _ROOMS for path in sorted((ROOT / room).rglob("*.py")))
        modules = (_Module(path) for path in paths if "localdb" not in path.parts)
        self._modules = {module.name: module for module in modules if not module.uses_duckdb_only}
        # Name of a function -> parameter that is a statement. Methods with a dot before; private names with their file.
        self._sinks: dict[str, int] = dict.fromkeys(_DRIVER, 0)
        self._seen: set[ast.AST] = set()

    def collect(self) -> None:
        while self._widen():
            pass
        texts: list[Text] = []
        for module in self._modules.values():
            for call in module.calls():
                if (argument := self._statement_of(module, call)) is not None:
                    texts += self._read(module, argument)
        self._found.texts += _numbered(texts)
        for module in self._modules.values():
            self._found.faults += self._hidden(module)

    def _widen(self) -> bool:
        """Add functions that pass a parameter on to the driver; whether there were any."""
        before = len(self._sinks)
        for module in self._modules.values():
            for call in module.calls():
                argument = self._statement_of(module, call)
                if isinstance(argument, ast.Name) and (found := self._parameter(module, argument)):
                    function, position = found
                    dot = "." if isinstance(module.above[function], ast.ClassDef) else ""
                    self._sinks.setdefault(_key(module, dot + function.name), position)
        return len(self._sinks) > before

    def _statement_of(self, module: _Module, call: ast.Call) -> ast.expr | None:
        """The argument of a call that is a statement."""
        name = _called(call)
        spelled = f".{name}" if isinstance(call.func, ast.Attribute) else name
        position = self._sinks.get(_key(module, spelled))
        if position is None and name in WRAPPERS:
            position = WRAPPERS[name]
        if (
            position is None
            or position >= len(call.args)
            or any(isinstance(a, ast.Starred) for a in call.args[: position + 1])
        ):
            return next((keyword.value for keyword in call.keywords if keyword.arg == "sql"), None)
        return call.args[position]

    def _parameter(self, module: _Module, name: ast.Name) -> tuple[Function, int] | None:
        """The function around whose parameter this name is, and its position without self."""
        for function in module.functions_around(name):
            if any(_assigned(node, name.id) for node in ast.walk(function)):
                return None
            parameters = [argument.arg for argument in function.args.args]
            if name.id in parameters:
                method = isinstance(module.above[function], ast.ClassDef)
                return function, parameters.index(name.id) - method
        return None

    def _read(self, module: _Module, argument: ast.expr) -> Iterator[Text]:
        if isinstance(argument, ast.Name) and self._parameter(module, argument):
            return  # its callers' affair
        self._seen.update(ast.walk(argument))
        try:
            for parts, line in self._texts(module, argument, 0):
                if any(parts):
                    yield Text(module.owner(argument), module.name, line, _joined(parts))
        except _Unknown as unknown:
            if module.name not in BUILT:
                self._found.faults.append(f"{module.name}:{argument.lineno}: {unknown} cannot be read; describe it in tests/gate/holes.py")  # fmt: skip

    def _texts(self, module: _Module, node: ast.expr, depth: int) -> list[tuple[Parts, int]]:
        """What an expression may be, each with the line of its text. Raises _Unknown."""
        self._seen.add(node)
        if depth > _DEEPEST:
            raise _Unknown(ast.unparse(node))
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [((node.value,), node.lineno)]
        if isinstance(node, ast.JoinedStr):
            pieces = [self._piece(module, value, depth) for value in node.values]
            return [(sum(choice, ()), node.lineno) for choice in itertools.product(*pieces)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            sides = [
                [parts for parts, _ in self._texts(module, side, depth + 1)]
                for side in (node.left, node.right)
            ]
            return [(left + right, node.lineno) for left, right in itertools.product(*sides)]
        if isinstance(node, ast.IfExp):
            return self._texts(module, node.body, depth + 1) + self._texts(module, node.orelse, depth + 1)
        if isinstance(node, ast.Name):
            return self._named(module, node, depth)
        if isinstance(node, ast.Call) and _called(node) in WRAPPERS:
            return []  # read where it is called
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return [((str(node.value),), node.lineno)]
        described = _described(module, node)
        if described is None:
            raise _Unknown(ast.unparse(node))
        return [((Hole(ast.unparse(node), described),), node.lineno)] if described else []

    def _piece(self, module: _Module, node: ast.expr, depth: int) -> list[Parts]:
        if isinstance(node, ast.FormattedValue):
            described = _described(module, node.value)
            if described is not None:
                return [(Hole(ast.unparse(node.value), described),)]
            node = node.value
        return [parts for parts, _ in self._texts(module, node, depth + 1)]

    def _named(self, module: _Module, name: ast.Name, depth: int) -> list[tuple[Parts, int]]:
        """What a name may be: what it is assigned here, else what callers pass, else a constant."""
        described = _described(module, name)
        if described is not None:
            return [((Hole(name.id, described),), name.lineno)]
        for function in module.functions_around(name):
            values = [value for node in ast.walk(function) for value in _assigned(node, name.id)]
            if values:
                return [text for value in values for text in self._texts(module, value, depth + 1)]
            if name.id in (argument.arg for argument in function.args.args):
                return self._passed(module, function, name, depth)
        return self._constant(module, name, depth)

    def _passed(
        self, module: _Module, function: Function, name: ast.Name, depth: int
    ) -> list[tuple[Parts, int]]:
        """What the calls of a function pass as a parameter."""
        parameters = [argument.arg for argument in function.args.args]
        position = parameters.index(name.id) - isinstance(module.above[function], ast.ClassDef)
        found: list[tuple[Parts, int]] = []
        for other in (module,) if function.name.startswith("_") else self._modules.values():
            for call in other.calls():
                if _called(call) == function.name and position < len(call.args):
                    for parts, _ in self._texts(other, call.args[position], depth + 1):
                        found.append((parts, name.lineno))
        if not found:
            raise _Unknown(name.id)
        return list(dict.fromkeys(found))

    def _constant(self, module: _Module, name: ast.Name, depth: int) -> list[tuple[Parts, int]]:
        """A constant of the module, which is asked for its value."""
        for node in module.tree.body:
            for value in _assigned(node, name.id):
                self._seen.update(ast.walk(value))
                there = getattr(import_module(module.name.removesuffix(".py").replace("/", ".")), name.id)
                return [((str(there),), value.lineno)]
        file, other_name = module.imported.get(name.id, ("", ""))
        if file in self._modules:
            return self._constant(self._modules[file], ast.Name(other_name), depth)
        raise _Unknown(name.id)

    def _hidden(self, module: _Module) -> Iterator[str]:
        """Texts that look like SQL and were not read as a statement."""
        if module.name in BUILT:
            return
        for node in ast.walk(module.tree):
            text = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
            if (
                not isinstance(text, ast.Constant)
                or not isinstance(text.value, str)
                or {node, text} & self._seen
            ):
                continue
            above = module.above.get(node)
            if isinstance(above, ast.Expr) or (
                isinstance(module.above.get(text), ast.JoinedStr) and node is text
            ):
                continue  # a docstring, or a piece of an f-string, which is looked at as a whole
            known = NOT_SENT.get(module.name, "\0")
            if _LOOKS_LIKE_SQL.match(text.value) and not text.value.lstrip().startswith(known):
                yield f"{module.name}:{text.lineno}: looks like SQL and is passed to nothing that the gate knows: {text.value[:40]!r}"  # fmt: skip


def _described(module: _Module, node: ast.expr) -> tuple[str, ...] | None:
    source = ast.unparse(node)
    return HOLES.get((module.name, source), HOLES.get(("*", source)))


def _assigned(node: ast.AST, name: str) -> list[ast.expr]:
    """What a statement of Python gives a name: a value, or each element of the tuple that a loop goes through."""
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
        return [node.value]
    if (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Tuple)
        and isinstance(node.value, ast.Call)
    ) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets[0].elts):
        return [node.value]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
        return [node.value] if node.value else []
    if isinstance(node, ast.For) and isinstance(node.target, ast.Name) and node.target.id == name:
        return list(node.iter.elts) if isinstance(node.iter, ast.Tuple) else [node.iter]
    return []


def _called(call: ast.Call) -> str:
    return (
        call.func.attr
        if isinstance(call.func, ast.Attribute)
        else call.func.id
        if isinstance(call.func, ast.Name)
        else ""
    )


def _key(module: _Module, name: str) -> str:
    return f"{module.name}:{name}" if name.lstrip(".").startswith("_") else name


def _joined(parts: Parts) -> Parts:
    """Neighbouring pieces as one; no white space around the whole."""
    joined: list[str | Hole] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    if isinstance(joined[0], str):
        joined[0] = joined[0].lstrip()
    if isinstance(joined[-1], str):
        joined[-1] = joined[-1].rstrip()
    return tuple(joined)


def _numbered(texts: Sequence[Text]) -> list[Text]:
    """Each text once, with a number where a function has several."""
    once = {(text.owner, text.parts): text for text in texts}
    counts: dict[str, int] = {}
    numbered = []
    for text in sorted(once.values(), key=lambda one: (one.file, one.line)):
        number = counts[text.owner] = counts.get(text.owner, 0) + 1
        owner = text.owner if number == 1 else f"{text.owner}#{number}"
        numbered.append(Text(owner, text.file, text.line, text.parts))
    return numbered
