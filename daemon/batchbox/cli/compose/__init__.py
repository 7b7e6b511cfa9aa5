"""The command that makes requests of a prompt and many files, rows or images."""
