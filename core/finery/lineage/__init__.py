"""Who went where and why, in DuckDB."""
