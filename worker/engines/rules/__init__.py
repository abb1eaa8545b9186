"""Rules of columns: checked against the column (`check`), then applied to differing cells (`apply`)."""
