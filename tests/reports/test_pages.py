"""Pages of result files against filtering all of it in Python."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.reports.pages import MAX_GROUPS, page

_WORDS = st.sampled_from(["a", "B", "", "ä", None])
_FILTERS = st.dictionaries(
    st.sampled_from(["ID", "RAW", "column_name", "value_a"]),
    st.sampled_from(["1", "2", "a", "B", "", "ä", "00FF", "zz"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from([1, 2, 30]), st.sampled_from([b"\x00\xff", b"", None]), _WORDS, _WORDS),
        max_size=60,
    ),
    equal=_FILTERS,
    group=st.integers(1, 20),
    limit=st.integers(1, 25),
)
def test_all_pages_together_are_what_the_filter_lets_through(
    tmp_path: Path,
    rows: list[tuple[int, bytes | None, str | None, str | None]],
    equal: dict[str, str],
    group: int,
    limit: int,
) -> None:
    names = ["ID", "RAW", "column_name", "value_a"]
    kinds = [pa.decimal128(10, 0), pa.binary(), pa.dictionary(pa.int32(), pa.string()), pa.string()]
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    table = pa.table([pa.array(c, k) for c, k in zip(columns, kinds, strict=True)], names)
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=group)
    shown = [
        dict(zip(names, (str(id_), raw if raw is None else raw.hex().upper(), *texts), strict=True))
        for id_, raw, *texts in rows
    ]
    wanted = [row for row in shown if all(row[name] == text for name, text in equal.items())]
    found, start = [], 0
    while True:
        part = page(tmp_path / "x.parquet", start, limit, equal)
        assert len(part.rows) <= limit
        found += part.rows
        if part.next_row is None:
            break
        assert part.next_row > start
        start = part.next_row
    assert found == wanted


def test_a_page_ends_after_so_many_row_groups_and_the_next_one_goes_on(tmp_path: Path) -> None:
    table = pa.table({"ID": list(range(MAX_GROUPS + 5))})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=1)
    first = page(tmp_path / "x.parquet", 0, 10, {"ID": str(MAX_GROUPS + 3)})
    assert (first.rows, first.next_row) == ([], MAX_GROUPS)
    second = page(tmp_path / "x.parquet", MAX_GROUPS, 10, {"ID": str(MAX_GROUPS + 3)})
    assert (second.rows, second.next_row) == ([{"ID": str(MAX_GROUPS + 3)}], None)
