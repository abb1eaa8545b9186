"""Where differences concentrate: values of a column whose rows differ far more often than others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from worker.engines.display import texts
from worker.engines.layout import ComparedColumn

MOST_VALUES = 50
"""Columns of A with more different values are no segments."""
LEAST_ROWS = 30
LIFT, Z = 3.0, 6.0
"""A segment differs so many times as often as all rows, and by so many standard errors."""
LISTED = 20


def segments(
    columns: Sequence[ComparedColumn], rows: pa.Table, changed: npt.NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """Of the sampled rows of A, `changed` those that differ. Column n of `rows` is `c{n}`."""
    overall = float(changed.mean()) if changed.size else 0.0
    if not 0 < overall < 1:
        return []
    found: list[dict[str, Any]] = []
    for n, column in enumerate(columns):
        encoded = pc.dictionary_encode(rows.column(f"c{n}").combine_chunks(), null_encoding="encode")
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        if not 2 <= len(encoded.dictionary) <= MOST_VALUES:
            continue
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        count = np.bincount(codes, minlength=len(encoded.dictionary))
        hit = np.bincount(codes[changed], minlength=len(encoded.dictionary))
        share = hit / np.maximum(count, 1)
        error = np.sqrt(overall * (1 - overall) / np.maximum(count, 1))
        odd = (count >= LEAST_ROWS) & (share >= LIFT * overall) & (share - overall >= Z * error)
        names = texts(encoded.dictionary, column.type)
        found += [
            {
                "column": column.name,
                "value": names[code],
                "rows": int(count[code]),
                "changed": int(hit[code]),
                "share": round(float(share[code]), 4),
                "share_of_all": round(overall, 4),
                "sentence": f"Where {column.name} is {names[code]}, {share[code]:.1%} of the rows differ; "
                f"of all rows {overall:.1%}.",
            }
            for code in np.flatnonzero(odd)
        ]
    return sorted(found, key=lambda one: (-one["changed"], str(one["column"])))[:LISTED]
