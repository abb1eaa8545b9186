"""From Oracle's syntax tree to PostgreSQL text: names, types, functions, queries, DML, DDL.

One class per part, each building on the one before, as in parser/: base (parameters), conversions, names,
functions, expressions, conditions, queries, dml.
"""
