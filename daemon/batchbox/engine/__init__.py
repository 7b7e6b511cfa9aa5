"""The loop, the mailbox, and one module a step."""
