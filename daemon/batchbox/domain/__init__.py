"""Pure: jobs and parts, the state table, errors and names."""
