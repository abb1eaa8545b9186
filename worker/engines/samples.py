"""A few rows of each sort for people to look at: chosen by key, not by position, and told in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.cells import differing
from worker.engines.display import texts
from worker.engines.layout import ComparedColumn, Layout
from worker.engines.pairing import Codes, scatter
from worker.engines.parts import Part
from worker.engines.rules.apply import still_different

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row (or pair of rows) that may become a sample. Lowest `priority` wins, then lowest `order`."""

    priority: int
    order: int
    part: int
    row_a: int = -1
    row_b: int = -1
    count: int = 0


class Samples:
    """Collects candidates part by part, keeps at most `limit` of each sort, and reads them at the end.

    The priority of a row is its key's code, scattered: a choice as good as random, and the same
    whatever the order of the rows.
    """

    SORTS = ("changed", "only_a", "only_b", "duplicates_a", "duplicates_b")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: dict[str, list[Candidate]] = {sort: [] for sort in self.SORTS}

    def offer(
        self,
        sort: str,
        part: int,
        codes: Codes,
        rows_a: Rows | None,
        rows_b: Rows | None,
        counts: Rows | None = None,
    ) -> None:
        """Candidates of one part; `codes` are the key codes of the rows, in the same order."""
        if codes.size == 0 or self._limit == 0:
            return
        priority = scatter(codes)
        best = np.argsort(priority, kind="stable")[: self._limit]
        kept = self._kept[sort]
        for position in best.tolist():
            kept.append(
                Candidate(
                    priority=int(priority[position]),
                    order=position,
                    part=part,
                    row_a=-1 if rows_a is None else int(rows_a[position]),
                    row_b=-1 if rows_b is None else int(rows_b[position]),
                    count=0 if counts is None else int(counts[position]),
                )
            )
        kept.sort(key=lambda candidate: (candidate.priority, candidate.part, candidate.order))
        del kept[self._limit :]

    def read(self, layout: Layout, parts: Sequence[Part]) -> dict[str, list[dict[str, Any]]]:
        """The samples in document form, in the order of their keys."""
        return {
            "changed": self._changed(layout, parts),
            "only_a": self._alone("only_a", 0, layout, parts),
            "only_b": self._alone("only_b", 1, layout, parts),
            "duplicates_a": self._repeated("duplicates_a", 0, layout, parts),
            "duplicates_b": self._repeated("duplicates_b", 1, layout, parts),
        }

    def _changed(self, layout: Layout, parts: Sequence[Part]) -> list[dict[str, Any]]:
        chosen = self._kept["changed"]
        if not chosen:
            return []
        keys, order = _keys(chosen, 0, layout, parts)
        samples: list[dict[str, Any]] = [{"key": key, "cells": []} for key in keys]
        for position, column in enumerate(layout.values, start=len(layout.key)):
            a, b = (_column(chosen, side, position, column, parts) for side in (0, 1))
            rows = differing(a, b)
            rows = rows[still_different(a.take(pa.array(rows)), b.take(pa.array(rows)), column)]
            texts_a, texts_b = texts(a, column.type), texts(b, column.type)
            for row in rows.tolist():
                samples[row]["cells"].append({"column": column.name, "a": texts_a[row], "b": texts_b[row]})
        return [samples[row] for row in order]

    def _alone(self, sort: str, side: int, layout: Layout, parts: Sequence[Part]) -> list[dict[str, Any]]:
        chosen = self._kept[sort]
        if not chosen:
            return []
        keys, order = _keys(chosen, side, layout, parts)
        rows: list[dict[str, str | None]] = [{} for _ in chosen]
        for position, column in enumerate(layout.columns):
            values = texts(_column(chosen, side, position, column, parts), column.type)
            for row, value in zip(rows, values, strict=True):
                row[column.name] = value
        return [{"key": keys[n], "row": rows[n]} for n in order]

    def _repeated(self, sort: str, side: int, layout: Layout, parts: Sequence[Part]) -> list[dict[str, Any]]:
        chosen = self._kept[sort]
        if not chosen:
            return []
        keys, order = _keys(chosen, side, layout, parts)
        return [{"key": keys[n], "count": chosen[n].count} for n in order]


def _keys(
    chosen: Sequence[Candidate], side: int, layout: Layout, parts: Sequence[Part]
) -> tuple[list[dict[str, str | None]], list[int]]:
    columns = [_column(chosen, side, n, column, parts) for n, column in enumerate(layout.key)]
    keys: list[dict[str, str | None]] = [{} for _ in chosen]
    for column, array in zip(layout.key, columns, strict=True):
        for key, value in zip(keys, texts(array, column.type), strict=True):
            key[column.name] = value
    names = [f"k{n}" for n in range(len(columns))]
    table = pa.table([*columns, pa.array(range(len(chosen)))], [*names, "position"])
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in [*names, "position"]])
    return keys, order.to_pylist()


def _column(
    chosen: Sequence[Candidate], side: int, position: int, column: ComparedColumn, parts: Sequence[Part]
) -> pa.Array:
    """One stored column at the chosen rows, in their order, whichever parts they are in."""
    rows = [candidate.row_a if side == 0 else candidate.row_b for candidate in chosen]
    pieces, origin = [], []
    for part in sorted({candidate.part for candidate in chosen}):
        members = [n for n, candidate in enumerate(chosen) if candidate.part == part]
        pieces.append(parts[part][side].pick(position, [rows[n] for n in members]))
        origin += members
    joined = pa.concat_arrays(pieces) if pieces else pa.array([], column.type.storage)
    return joined.take(pa.array(np.argsort(origin)))
