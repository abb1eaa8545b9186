"""The gate: every SQL and PL/SQL text of the product, read without a database as Oracle 19c would read it."""
