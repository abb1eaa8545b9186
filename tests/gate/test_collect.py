"""The collector finds statements however they reach the driver, and says what it cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gate import collect
from tests.gate.collect import Collection, Hole, Text, plain

FOUND = {
    "cursor.execute('select 1 from dual')": ["select 1 from dual"],
    "sql = f'select a from {TABLE}'\ncursor.execute(sql)": ["select a from jobs"],
    "for s in ('select a from t', 'select b from t'):\n    cursor.execute(s)": [
        "select a from t",
        "select b from t",
    ],
    "sql = 'select a' + (' from t' if wide else ' from u')\npool.rows('x', sql)": [
        "select a from t",
        "select a from u",
    ],
    "_ask('select c from t')": ["select c from t"],
    "_verb('cancel')": ["begin p.cancel; end;"],
}
HELPERS = """
import oracledb
TABLE = 'jobs'
class Pool:
    def rows(self, action, sql, binds=None):
        async def run(connection):
            await connection.execute(sql)
        return run
def _ask(text):
    cursor.execute(text)
def _verb(name):
    sql = f'begin p.{name}; end;'
    _ask(sql)
def _other():
    _verb('retry')
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A product of one module; returns its file, whose text is to be written."""
    (tmp_path / "app").mkdir()
    (tmp_path / "worker").mkdir()
    monkeypatch.setattr(collect, "ROOT", tmp_path)
    monkeypatch.setattr(collect, "import_module", lambda name: type("constants", (), {"TABLE": "jobs"}))
    return tmp_path / "app" / "store.py"


def search(file: Path, body: str) -> Collection:
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    file.write_text(f"{HELPERS}\ndef caller(cursor, pool, wide, given):\n{indented}\n")
    found = Collection()
    collect._Programs(found).collect()
    return found


@pytest.mark.parametrize("body", FOUND)
def test_statements_are_found(programs: Path, body: str) -> None:
    found = search(programs, body)
    texts = [text.texts()[0] for text in found.texts]
    assert [text for text in texts if text in FOUND[body]] == FOUND[body]
    assert not found.faults


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("cursor.execute(f'select {given} from t')", "given cannot be read"),
        ("cursor.execute(given.text)", "given.text cannot be read"),
        ("text = 'select a from t'\nsend(text)", "looks like SQL"),
        ("send(f'update t set a = {given}')", "looks like SQL"),
    ],
)
def test_what_cannot_be_read_is_a_fault_with_its_line(programs: Path, body: str, words: str) -> None:
    faults = search(programs, body).faults
    assert any(words in fault and fault.startswith("app/store.py:") for fault in faults), faults


def test_a_statement_is_known_again_whatever_fills_its_holes() -> None:
    text = Text("o", "f", 1, ("select a\n  from ", Hole("table", ("t",)), "\n where b = :b"))
    assert text.texts() == ["select a\n  from t\n where b = :b"]
    assert text.pattern().fullmatch(plain('select a from "X"."Y"   where b = :b'))
    assert not text.pattern().fullmatch(plain("select a from t where c = :b"))
