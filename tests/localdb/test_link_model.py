"""Random sequences of statements, savepoints, block marks, open results and failures against a model of Oracle."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.localdb.errors import OracleError
from app.localdb.link import Link, Mark
from app.localdb.pg import Connection
from app.localdb.pg_messages import PgError
from app.localdb.portals import Portal
from app.localdb.postgres import Postgres

INSERT = "insert into public.t values ($1::integer)"
DELETE = "delete from public.t where a = $1::integer"
SELECT = "select a from public.t order by a"
KEYS = st.integers(min_value=1, max_value=30)


@dataclass
class OpenResult:
    portal: Portal
    expected: list[int]


class LinkMachine(RuleBasedStateMachine):
    """`rows` is what this session must see; `committed` what another one must see."""

    postgres: Postgres

    def __init__(self) -> None:
        super().__init__()
        self.other = connect(self.postgres)
        self.other.query("truncate public.t")
        self.link = Link(lambda: connect(self.postgres), {"oracle.test": "0"})
        self.rows: set[int] = set()
        self.committed: set[int] = set()
        self.savepoints: list[tuple[str, set[int], int]] = []  # name, rows then, when
        self.marks: list[tuple[Mark, set[int] | None, int]] = []  # rows then (None: as last committed), when
        self.lost: list[Mark] = []  # of blocks that rolled back to before their own beginning
        self.results: list[OpenResult] = []
        self.settings = itertools.count(1)
        self.clock = itertools.count()
        self.setting = "0"

    def teardown(self) -> None:
        self.link.close()
        self.other.close()

    def _after_end(self) -> None:
        """A commit or rollback: marks taken before it now lead back to it."""
        self.savepoints.clear()
        self.marks = [(mark, None, when) for mark, _, when in self.marks]

    @rule(keys=st.lists(KEYS, min_size=1, max_size=3))
    def insert(self, keys: list[int]) -> None:
        values = [[b"%d" % key] for key in keys]
        if len(set(keys)) < len(keys) or self.rows & set(keys):
            with pytest.raises(PgError):
                self.link.execute(INSERT, (), values)
        else:
            self.link.execute(INSERT, (), values)
            self.rows |= set(keys)

    @rule(key=KEYS)
    def delete(self, key: int) -> None:
        result = self.link.execute(DELETE, (), [[b"%d" % key]])
        assert result[0].count == (key in self.rows)
        self.rows.discard(key)

    @rule(sql=st.sampled_from(["select 1 / 0", "select nothing", "syntax error"]))
    def fail(self, sql: str) -> None:
        with pytest.raises(PgError):
            self.link.query(sql, (), (), limit=10)

    @rule()
    def commit(self) -> None:
        self.link.commit()
        self.committed = set(self.rows)
        self._after_end()

    @rule()
    def rollback(self) -> None:
        self.link.rollback()
        self.rows = set(self.committed)
        self._after_end()

    @rule(name=st.sampled_from("AB"))
    def savepoint(self, name: str) -> None:
        self.link.savepoint(name)
        self.savepoints = [each for each in self.savepoints if each[0] != name]
        self.savepoints.append((name, set(self.rows), next(self.clock)))

    @rule(name=st.sampled_from("AB"))
    def rollback_to(self, name: str) -> None:
        known = [number for number, each in enumerate(self.savepoints) if each[0] == name]
        if not known:
            with pytest.raises(OracleError, match="ORA-01086"):
                self.link.rollback_to(name)
            return
        self.link.rollback_to(name)
        _, rows, when = self.savepoints[known[0]]
        self.rows = set(rows)
        del self.savepoints[known[0] + 1 :]
        self.lost += [mark for mark, _, began in self.marks if began > when]

    @precondition(lambda self: len(self.marks) < 3)
    @rule()
    def block_begins(self) -> None:
        self.marks.append((self.link.mark(), set(self.rows), next(self.clock)))

    @precondition(lambda self: self.marks)
    @rule()
    def block_ends(self) -> None:
        self.link.release(self.marks.pop()[0])

    @precondition(lambda self: self.marks)
    @rule(which=st.integers(min_value=0, max_value=2))
    def block_fails(self, which: int) -> None:
        which = min(which, len(self.marks) - 1)
        mark, before, began = self.marks[which]
        del self.marks[which:]
        self.link.undo_to(mark)
        if before is None:
            self.rows = set(self.committed)
            self.savepoints.clear()
        elif mark not in self.lost:
            self.rows = before
            self.savepoints = [each for each in self.savepoints if each[2] < began]

    @precondition(lambda self: len(self.results) < 4)
    @rule(limit=st.sampled_from([0, 1, 3]))
    def open(self, limit: int) -> None:
        portal = self.link.query(SELECT, (), (), limit=limit, ahead=2)
        self.results.append(OpenResult(portal, sorted(self.rows)))

    @precondition(lambda self: self.results)
    @rule(which=st.integers(min_value=0, max_value=3), count=st.integers(min_value=1, max_value=5))
    def fetch(self, which: int, count: int) -> None:
        result = self.results[which % len(self.results)]
        found = [int(row[0] or b"") for row in result.portal.fetch(count)]
        assert found == result.expected[:count]
        del result.expected[:count]
        if len(found) < count:
            self.results.remove(result)

    @precondition(lambda self: self.results)
    @rule(which=st.integers(min_value=0, max_value=3))
    def close(self, which: int) -> None:
        self.results.pop(which % len(self.results)).portal.close()

    @rule()
    def set(self) -> None:
        self.setting = str(next(self.settings))
        self.link.set("oracle.test", self.setting)

    @invariant()
    def sees_its_own_rows_and_others_see_the_committed(self) -> None:
        found = self.link.query(
            "select current_setting('oracle.test'), array(select a from public.t)", (), (), limit=2
        )
        setting, rows = found.fetch(1)[0]
        found.close()
        assert setting == self.setting.encode()
        assert as_set(rows) == self.rows
        assert as_set(self.other.query("select array(select a from public.t)")[0][0]) == self.committed
        if self.rows != self.committed:
            assert self.link.dirty


def as_set(array: bytes | None) -> set[int]:
    return {int(part) for part in (array or b"")[1:-1].split(b",") if part}


def connect(postgres: Postgres) -> Connection:
    return Connection(postgres.connect, user="postgres", database="postgres", settings={})


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    postgres = Postgres(tmp_path_factory.mktemp("link"), durable=False)
    postgres.start()
    connection = connect(postgres)
    connection.query("create table public.t (a integer primary key)")
    connection.close()
    yield postgres
    postgres.stop()


def test_the_session_behaves_like_the_model(postgres: Postgres) -> None:
    class Machine(LinkMachine):
        pass

    Machine.postgres = postgres
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
