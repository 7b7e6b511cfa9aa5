"""A spool as those see it who only look."""
