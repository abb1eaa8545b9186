"""Calls of the product's packages against their specifications: names, parameters, directions and types.

Calls are taken from every collected statement. In Python the values of the binds of a call are looked up in the
dictionaries of the function that sends it: an OUT parameter needs an `Out` of a type that fits, an IN parameter none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from app.oracle.pool import Out
from app.oracle.sources import source_files
from tests.gate.catalogue import columns
from tests.gate.collect import ROOT, Text
from tests.gate.words import Word, closing, split_at, texts, words

_CLASSES = {
    "VARCHAR2": "text",
    "CLOB": "text",
    "NUMBER": "number",
    "PLS_INTEGER": "number",
    "TIMESTAMP": "time",
}
_DRIVER = {"VARCHAR": "text", "CLOB": "text", "NUMBER": "number", "TIMESTAMP": "time"}
_PYTHON = {"str": "text", "int": "number", "float": "number", "Decimal": "number", "datetime": "time"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """kind: text, number or time; `... list` for an index-by table."""

    name: str
    mode: str  # IN, OUT or IN OUT
    kind: str
    optional: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A call in a statement: PACKAGE.SUBPROGRAM, where, and its arguments as written; "" for one without a name."""

    name: str
    line: int
    arguments: tuple[tuple[str, tuple[Word, ...]], ...]


@cache
def specifications() -> dict[str, tuple[Parameter, ...]]:
    """PACKAGE.SUBPROGRAM -> its parameters."""
    found: dict[str, tuple[Parameter, ...]] = {}
    for file in source_files("packages", ".pks"):
        some = words(file.text)
        package = some[texts(some).index("PACKAGE") + 1].text
        lists = {
            some[n + 1].text: some[n + 5].text
            for n, word in enumerate(some)
            if word.text == "TYPE" and texts(some[n + 2 : n + 5]) == ["IS", "TABLE", "OF"]
        }
        for position, word in enumerate(some[:-2]):
            if word.text in ("PROCEDURE", "FUNCTION") and some[position + 1].kind == "word":
                parameters: tuple[Parameter, ...] = ()
                if some[position + 2].text == "(":
                    listed = some[position + 3 : closing(some, position + 2)]
                    parameters = tuple(_parameter(part, lists) for part in split_at(listed, ","))
                found[f"{package}.{some[position + 1].text}"] = parameters
    return found


def _parameter(part: list[Word], lists: dict[str, str]) -> Parameter:
    written = texts(part)
    optional = "DEFAULT" in written or ":=" in written
    modes = [word for word in written[1:3] if word in ("IN", "OUT")]
    kind = written[1 + len(modes) :]
    if kind[1:2] == ["."]:  # table.column%type
        base = columns()[kind[0]][kind[2]].partition("(")[0]
    else:
        base = lists.get(kind[0], kind[0])
    listed = " list" if kind[0] in lists else ""
    return Parameter(written[0], " ".join(modes) or "IN", _CLASSES[base] + listed, optional)


def calls(text: str) -> Iterator[Call]:
    """Calls of our packages from outside of them."""
    some = words(text)
    packages = {name.partition(".")[0] for name in specifications()}
    for position, word in enumerate(some[:-2]):
        if word.kind != "word" or word.text not in packages or some[position + 1].text != ".":
            continue
        if some[position + 2].text == "%" or some[position + 2].text.startswith("CO_"):
            continue
        arguments: list[tuple[str, tuple[Word, ...]]] = []
        if some[position + 3 : position + 4] and some[position + 3].text == "(":
            inside = some[position + 4 : closing(some, position + 3)]
            for part in split_at(inside, ","):
                named = texts(part)[1:2] == ["=>"]
                arguments.append((part[0].text, tuple(part[2:])) if named else ("", tuple(part)))
        yield Call(f"{word.text}.{some[position + 2].text}", word.line, tuple(arguments))


def wrong_calls(text: Text) -> Iterator[str]:
    """What is wrong with the calls of one statement."""
    for written in text.texts():
        for call in calls(written):
            place = f"{text.file}:{text.line + call.line - 1}: {call.name}"
            parameters = specifications().get(call.name)
            if parameters is None:
                yield f"{place} is in no package specification"
                continue
            given = dict(call.arguments)
            known = {parameter.name: parameter for parameter in parameters}
            if "" in given:
                yield f"{place}: an argument without its name"
                continue
            if len(given) < len(call.arguments):
                yield f"{place}: an argument twice"
            for name in given.keys() - known.keys():
                yield f"{place} has no parameter {name}"
            for parameter in parameters:
                if parameter.name not in given and not parameter.optional:
                    yield f"{place}: {parameter.name} is missing"
            for name in given.keys() & known.keys():
                if "OUT" in known[name].mode and (
                    given[name][0].kind not in ("bind", "word") or len(given[name]) > 4
                ):
                    yield f"{place}: {name} is an OUT parameter and needs a variable"
            if text.file.endswith(".py"):
                for name in given.keys() & known.keys():
                    if len(given[name]) == 1 and given[name][0].kind == "bind":
                        yield from (
                            f"{place}: {fault}"
                            for fault in _wrong_bind(text, known[name], given[name][0].text)
                        )


def _wrong_bind(text: Text, parameter: Parameter, bind: str) -> list[str]:
    """What is wrong with a bind. A name may stand in several dictionaries of a function: one that fits is enough."""
    values = _values(text.file, text.owner.rpartition(":")[2].partition("#")[0], bind.lower())
    found = [list(_misfits(parameter, bind, value)) for value in values]
    return [] if [] in found else [fault for faults in found for fault in faults]


def _misfits(parameter: Parameter, bind: str, value: Any) -> Iterator[str]:
    out = "OUT" in parameter.mode
    if isinstance(value, Out) is not out:
        yield f"{parameter.name} is {parameter.mode}, and :{bind} is {'no' if out else 'an'} Out"
    if isinstance(value, Out):
        kind = _DRIVER[value.kind.name.removeprefix("DB_TYPE_")] + (" list" if value.length else "")
        if out and kind != parameter.kind:
            yield f"{parameter.name} is {parameter.kind}, and :{bind} is {kind}"
    elif isinstance(value, frozenset):
        kinds = {_PYTHON.get(name, str(name)) for name in value} - {"None"}
        if not out and kinds and kinds != {parameter.kind.removesuffix(" list")}:
            yield f"{parameter.name} is {parameter.kind}, and :{bind} is {' or '.join(sorted(kinds))}"


@cache
def _tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text())


def _values(file: str, owner: str, bind: str) -> list[Any]:
    """What a bind may be given: an Out, the types that an annotation names, or None where neither is known."""
    functions = [
        node for node in ast.walk(_tree(file)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    inner = [node for node in functions if node.name == owner.rpartition(".")[2]]
    called = {node.func.id for part in inner for node in ast.walk(part) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
    module = import_module(file.removesuffix(".py").replace("/", "."))
    return [
        _value(value, module, inner)
        for part in (*inner, *(function for function in functions if function.name in called))
        for node in ast.walk(part)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == bind
    ]


def _value(node: ast.expr, module: Any, functions: list[Any]) -> Any:
    if isinstance(node, ast.Name) and isinstance(getattr(module, node.id, None), Out):
        return getattr(module, node.id)
    name = ast.unparse(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
    if isinstance(node, ast.Call) and name in ("Out", "var"):
        kind = eval(ast.unparse(node.args[0]), vars(module)) if node.args else Out().kind
        return Out(kind, length=len(node.args) > 2)
    if isinstance(node, ast.Name):
        for function in functions:
            for argument in (*function.args.args, *function.args.kwonlyargs):
                if argument.arg == node.id and argument.annotation is not None:
                    return frozenset(re.findall(r"[A-Za-z]+", ast.unparse(argument.annotation)))
    return None
