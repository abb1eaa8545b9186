"""Every statement of the product, and of its documentation, passes the gate."""

from __future__ import annotations

import pytest

from app.localdb.plsql.parser import UnitParser
from app.localdb.sql.lexer import T
from app.localdb.sql.parser import Parser
from tests.gate import test_rules  # noqa: F401 - it enters all rules
from tests.gate.blocks import Read
from tests.gate.collect import Text, collect, documented
from tests.gate.rules import faults

_QUERIES = ("SELECT", "WITH", "(")
_DML = ("INSERT", "UPDATE", "DELETE", "MERGE")


def test_no_statement_hides() -> None:
    """Each text that reaches the driver can be read without running the program, or is described in `holes`."""
    assert collect().faults == []


def test_the_collection_is_whole() -> None:
    """A collector that finds nothing would let everything pass."""
    owners = [text.owner for text in collect().texts]
    assert len(owners) == len(set(owners))
    files = {text.file for text in collect().texts}
    assert {"app/jobs/store.py", "app/dashboard/store.py", "worker/engines/sources/oracle.py"} <= files
    assert sum(text.file.startswith("plsql/") for text in collect().texts) > 400
    assert sum(text.file.startswith(("app/", "worker/")) for text in collect().texts) > 120


@pytest.mark.parametrize("texts", [collect().texts, list(documented())], ids=["product", "documentation"])
def test_oracle_19c_takes_every_statement(texts: list[Text]) -> None:
    found = [
        f"{text.file}:{text.line + line - 1}: {rule.code} {rule.says}: {detail}"
        for text in texts
        for written in text.texts()
        for rule, line, detail in faults(written)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("play", ["19c", "23ai"])
def test_the_grammar_of_the_local_database_takes_every_statement(play: str) -> None:
    """DDL is left to the installation, which runs it."""
    for text in collect().texts:
        for written in text.texts():
            _parse(written, play)


def _parse(text: str, play: str) -> None:
    text = text.replace(" as of scn 42", "")  # the local database has no flashback queries
    read = Read(text)
    if read.unit or read.first in ("BEGIN", "DECLARE"):
        parser = UnitParser(text)
        if read.unit:
            parser.create_prefix()
            parser.unit()
        else:
            parser.anonymous_block()
        return
    if read.first not in (*_QUERIES, *_DML):
        return
    statement = Parser(text, play=play)
    statement.query() if read.first in _QUERIES else statement.dml()
    assert statement.token.kind == T.EOF, text
