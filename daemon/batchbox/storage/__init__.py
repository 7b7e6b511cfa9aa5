"""Where a spool is kept."""
