"""Tables whose every difference was planted: all engines, and joins written by hand, count exactly these."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench import contestants
from tests.bench.generator import TOLERATED, Truth, shuffled, truth, write

ROWS = 20_000


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write(tmp_path_factory.mktemp("known"), ROWS)


def check(found: dict[str, Any], expected: Truth) -> None:
    different = {name: count for name, count in expected.different.items() if count}
    assert found["counts"] == vars(expected) | {"different": different}


@pytest.mark.parametrize("how", ["", "rules", "export", "polars"])
def test_our_engines_find_what_was_planted_and_name_its_class(files: tuple[Path, Path], how: str) -> None:
    check(contestants.ours(*files, 256, how), truth(ROWS, TOLERATED if how == "rules" else ()))


@pytest.mark.parametrize("join", [contestants.duckdb_join, contestants.polars_join])
def test_joins_written_by_hand_agree(files: tuple[Path, Path], join: Callable[..., dict[str, Any]]) -> None:
    check(join(*files, 256), truth(ROWS))


def test_in_little_memory(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.engines.arrow_duckdb._PART_SHARE", 0.004)
    monkeypatch.setattr("worker.engines.comparison._SHELF_SHARE", 0.0)
    check(contestants.ours(*files, 64, ""), truth(ROWS))


@pytest.mark.parametrize("size", [1, 2, 7, 1000, 4096])
def test_rows_are_shuffled_and_none_is_lost(size: int) -> None:
    assert np.array_equal(np.sort(shuffled(np.arange(size), size, 3)), np.arange(size))
