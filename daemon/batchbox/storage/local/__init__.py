"""A spool in folders on a local disk."""
