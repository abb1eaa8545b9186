"""The options of `concord compare` for argparse. Light: every `concord` command imports it to show its help."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All arguments of the command."""
    parser.add_argument("a", metavar="A", help="side A, the reference: a file, or a table as oracle://...")
    parser.add_argument("b", metavar="B", help="side B, the candidate, likewise")
    what = parser.add_argument_group("what is compared")
    what.add_argument("--key", metavar="COL[,COL]", help="columns that identify a row (default: found)")
    what.add_argument("--columns", metavar="COL[,COL]", help="compare only these columns")
    what.add_argument("--ignore", metavar="COL[,COL]", action="append", default=[], help="leave columns out")
    what.add_argument(
        "--map",
        metavar="A_COL=B_COL",
        action="append",
        default=[],
        help="B calls this column of A differently",
    )
    what.add_argument(
        "--tolerance",
        metavar="COL=0.01",
        action="append",
        default=[],
        help="numbers that differ by at most so much are equal",
    )
    what.add_argument(
        "--profile", metavar="FILE", type=Path, help="a JSON file with key, columns, ignore, rules"
    )
    what.add_argument("--require-unique-key", action="store_true", help="a key that occurs twice is an error")
    what.add_argument(
        "--paranoid", action="store_true", help="compare also what has equal hashes, byte by byte"
    )
    how = parser.add_argument_group("how the sides are read")
    for side in "ab":
        how.add_argument(
            f"--{side}",
            metavar="NAME=VALUE",
            dest=f"{side}_options",
            action="append",
            default=[],
            help=f"of side {side.upper()}: format (csv, parquet, arrow, excel), sheet, delimiter, quote, encoding, "
            "header (yes, no), decimal, null, bad_lines, type.COL"
            if side == "a"
            else "the same of side B",
        )
    how.add_argument(
        "--engine", default="auto", help="auto, arrow_duckdb, or pushdown for two tables (default auto)"
    )
    limits = parser.add_argument_group("limits")
    limits.add_argument("--memory-limit", metavar="SIZE", default="2GB", help="default 2GB")
    limits.add_argument("--threads", metavar="N", type=int, help="default: all processors")
    limits.add_argument(
        "--work-dir",
        metavar="DIR",
        type=Path,
        help="for data beyond the memory limit (default: the system's)",
    )
    output = parser.add_argument_group("output")
    output.add_argument("--samples", metavar="N", type=int, default=20, help="sample rows of each kind (20)")
    output.add_argument("--json", action="store_true", help="print the result document on standard output")
    output.add_argument("--quiet", action="store_true", help="print nothing; only the exit status tells")
    output.add_argument(
        "--export", metavar="DIR", type=Path, help="write the result's files and reports to this folder"
    )
    output.add_argument(
        "--report",
        metavar="KIND[,KIND]",
        help="with --export: html, xlsx, csv (the differing cells), json (default html,json)",
    )
    output.add_argument(
        "--repair", action="store_true", help="with --export: scripts that make table B what A is, and back"
    )
