"""What the options of `concord compare` mean, checked and in the engines' terms."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from app.jobs.models import Strict
from app.jobs.rules import ColumnRule
from app.reports.write import KINDS
from worker.engines.errors import BadPlan
from worker.engines.plan import ComparisonPlan
from worker.engines.sources.csv_dialect import CsvOptions
from worker.engines.sources.files import FileOptions

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(MB|MiB|GB|GiB)", re.IGNORECASE)
_MAX_PROFILE_BYTES = 1 << 20
_USUAL_REPORTS = "html,json"


class Profile(Strict, frozen=True):
    """A file of rules for --profile, in JSON. What the command line says comes first."""

    key: list[str] | None = None
    columns: list[str] | None = None
    ignore: tuple[str, ...] = ()
    rules: dict[str, ColumnRule] = msgspec.field(default_factory=dict)


def plan_of(arguments: argparse.Namespace) -> ComparisonPlan:
    """Key, columns and rules. Raises BadPlan."""
    profile = _profile(arguments.profile)
    key = _names(arguments.key) if arguments.key is not None else profile.key
    columns = _names(arguments.columns) if arguments.columns is not None else profile.columns
    rules = {name.upper(): rule for name, rule in profile.rules.items()}
    for text in arguments.tolerance:
        name, value = _pair(text, "--tolerance", "COL=0.01")
        rule = rules.get(name.upper(), ColumnRule())
        try:
            rules[name.upper()] = msgspec.structs.replace(rule, tolerance=Decimal(value))
        except InvalidOperation:
            raise BadPlan(f"--tolerance {text}: {value!r} is not a number.") from None
        except ValueError as error:
            raise BadPlan(f"--tolerance {text}: {error}.") from None
    if arguments.samples < 0:
        raise BadPlan("--samples must be 0 or more.")
    return ComparisonPlan(
        key=None if key is None else tuple(key),
        columns=None if columns is None else tuple(columns),
        ignore=(*profile.ignore, *(name for text in arguments.ignore for name in _names(text))),
        rules=rules,
        sample_limit=arguments.samples,
        require_unique_key=arguments.require_unique_key,
        paranoid=arguments.paranoid,
    )


def column_map(arguments: argparse.Namespace) -> dict[str, str]:
    """B's names of columns to A's names. Raises BadPlan."""
    names = {}
    for text in arguments.map:
        ours, theirs = _pair(text, "--map", "A_COL=B_COL")
        names[theirs] = ours
    return names


def report_kinds(arguments: argparse.Namespace) -> list[str]:
    """The reports to write. Raises BadPlan."""
    if arguments.export is None:
        for option, given in (("--report", arguments.report is not None), ("--repair", arguments.repair)):
            if given:
                raise BadPlan(f"{option} writes to the folder of --export: name that too.")
        return []
    kinds = _names(_USUAL_REPORTS if arguments.report is None else arguments.report)
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise BadPlan(f"There is no report {unknown[0]!r}; choose of {', '.join(KINDS)}.")
    return kinds


def memory_mb(arguments: argparse.Namespace) -> int:
    """The memory limit in MiB. Raises BadPlan."""
    match = _SIZE.fullmatch(arguments.memory_limit.strip())
    if not match:
        raise BadPlan(f"--memory-limit {arguments.memory_limit!r}: write a size like 2GB or 512MB.")
    megabytes = Decimal(match[1]) * (1024 if match[2].upper().startswith("G") else 1)
    return int(megabytes)


def file_options(texts: Sequence[str], side: str) -> FileOptions:
    """How one file is to be read, of NAME=VALUE. Raises BadPlan."""
    given: dict[str, str] = {}
    nulls: list[str] = []
    types: dict[str, str] = {}
    for text in texts:
        name, value = _pair(text, f"--{side}", "NAME=VALUE", empty=True)
        if name == "null":
            nulls.append(value)
        elif name.startswith("type."):
            types[name.removeprefix("type.")] = value
        elif name in ("format", "sheet", "delimiter", "quote", "encoding", "header", "decimal", "bad_lines"):
            given[name] = value
        else:
            raise BadPlan(f"--{side} {text}: there is no option {name}.")
    for name in ("delimiter", "quote", "decimal"):
        given[name] = given.get(name, "").replace("\\t", "\t").replace("tab", "\t") or _DEFAULT[name]
        if name == "delimiter" and not given[name]:
            continue
        if len(given[name]) != 1:
            raise BadPlan(f"--{side}: {name} must be one character.")
    if given["decimal"] not in ".,":
        raise BadPlan(f"--{side}: decimal is . or ,")
    if given.get("header", "yes") not in ("yes", "no"):
        raise BadPlan(f"--{side}: header is yes or no.")
    if not given.get("bad_lines", "0").isdecimal():
        raise BadPlan(f"--{side}: bad_lines is a number of 0 or more.")
    return FileOptions(
        format=given.get("format"),
        sheet=given.get("sheet"),
        csv=CsvOptions(
            delimiter=given["delimiter"] or None,
            quote=given["quote"],
            encoding=given.get("encoding"),
            header=given.get("header", "yes") == "yes",
            nulls=tuple(nulls) or ("",),
            decimal=given["decimal"],
            types=types,
            bad_lines=int(given.get("bad_lines", "0")),
        ),
    )


_DEFAULT = {"delimiter": "", "quote": '"', "decimal": "."}


def _profile(path: Path | None) -> Profile:
    if path is None:
        return Profile()
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_PROFILE_BYTES + 1)
    except OSError as error:
        raise BadPlan(f"The profile {path} cannot be read: {error.strerror}.") from error
    if len(text) > _MAX_PROFILE_BYTES:
        raise BadPlan(f"The profile {path} is larger than {_MAX_PROFILE_BYTES >> 20} MiB.")
    try:
        return msgspec.json.decode(text, type=Profile)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise BadPlan(f"The profile {path} is not valid: {error}.") from error


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _pair(text: str, option: str, form: str, *, empty: bool = False) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not (value or empty):
        raise BadPlan(f"{option} {text!r}: write {form}.")
    return name.strip(), value
