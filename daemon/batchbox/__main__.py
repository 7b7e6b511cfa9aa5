"""`python -m batchbox`."""

from batchbox.cli.main import main

main()
