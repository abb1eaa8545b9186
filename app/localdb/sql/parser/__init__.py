"""The parser of Oracle SQL: text in, syntax tree out, refusals with Oracle's codes and offsets.

One class per part of the grammar, each building on the one before: base (tokens), types, calls, expressions,
queries, dml, control. PL/SQL derives from Parser, or keeps one over its own tokens and moves `pos`.
"""

from app.localdb.sql.parser.control import Parser

__all__ = ["Parser"]
