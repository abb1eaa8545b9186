"""Which of the driver's tests the local database answers for; everything else only has to be refused cleanly."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

# Whole files, first match wins. "no database": tests of the driver alone, counted in neither column.
FILES = {
    "aq/*": "AQ",
    "soda/*": "SODA",
    "ext/*": "needs outside services",
    "stc/*": "needs a tool of the driver's authors",
    "py314/*": "needs Python 3.14",
    "connection/test_1[45]*": "two-phase transactions",
    "connection/test_1[67]*": "sessionless transactions",
    "connection/test_19*": "external authentication",
    "cursor/test_1[67]*": "scrollable cursors",
    "cursor/test_26*": "thick mode",
    "data_types/test_1900*": "object types",
    "data_types/test_3500*": "object types",
    "data_types/test_2[789]*": "VECTOR",
    "data_types/test_30*": "VECTOR",
    "dataframe/test_1[45]*": "VECTOR",
    "hooks/test_1[56]*": "OpenTelemetry",
    "misc/test_1[3-6]*": "no database",
}

# Single tests inside the other files, by what their source names.
WORDS = {
    r"gettype\(|gettype_async|create or replace type|udt_|TestObjects|pkg_TestBindObject|pkg_TestRecords|SubObject": "object types",
    r"xml": "XMLTYPE",
    r"bfile": "BFILE",
    r"vector": "VECTOR",
    r"skip_unless_thick_mode|use_thick_mode\b": "thick mode",
    r"proxy_user|edition": "proxy users and editions",
    r"scrollable": "scrollable cursors",
    r"\btpc_": "two-phase transactions",
    r"sessionless": "sessionless transactions",
    r"sharding": "sharding",
    r"domain": "domains and annotations",
    r"\.queue\(|NAMESPACE_AQ|get_and_clear_queue": "AQ",
}

# In scope, and known to fail: the reason, and the tests (`test_GROUP_NUMBER`). The regression test does not ask
# for these.
KNOWN = {
    "CURSOR( ) within CURSOR( ), or a NULL in it, is not translated": (
        "connection_1226 data_types_1012 data_types_2612"
    ),
    "IS JSON FORMAT OSON is not there": (
        "data_types_3300 data_types_3301 data_types_3302 data_types_3305 data_types_3306"
    ),
    "JSON( ... EXTENDED) is not there": "data_types_3110",
    "text that is not valid UTF-8 cannot be stored": "cursor_2032 hooks_1107",
    "a PL/SQL function with a REF CURSOR parameter cannot be called from SQL": "cursor_2209 cursor_2309",
    "ROWIDs of other forms than a table's are refused": "data_types_3402",
    "years before Christ are not there": "data_types_1118",
}
_KNOWN = {f"test_{test}": reason for reason, tests in KNOWN.items() for test in tests.split()}


def known_failure(case: str) -> str | None:
    """Why an in-scope test (FILE::TEST) is expected to fail; None = it must pass."""
    return _KNOWN.get(case.partition("::")[2].partition("[")[0])


def file_reason(name: str) -> str | None:
    """Why the file (path below tests/) is out of scope; None = in scope."""
    return next((reason for pattern, reason in FILES.items() if fnmatch(name, pattern)), None)


def test_reasons(path: Path) -> dict[str, str]:
    """Names of the file's single tests that are out of scope, with the reason."""
    return dict(_named(path.read_text(encoding="utf-8")))


def _named(source: str) -> Iterator[tuple[str, str]]:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            text = ast.get_source_segment(source, node) or ""
            for pattern, reason in WORDS.items():
                if re.search(pattern, text, re.IGNORECASE):
                    yield node.name, reason
                    break
