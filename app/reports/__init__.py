"""Reports of a finished comparison: HTML, Excel, CSV, Parquet and JSON, from the result document and its files."""
