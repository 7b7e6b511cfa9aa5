"""The loop, its mailbox and what it remembers."""
