"""Pure: what may be dropped, and what comes out."""
