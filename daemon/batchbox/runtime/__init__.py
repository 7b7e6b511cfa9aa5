"""The composition root: the real clock, the key, signals, reload."""
