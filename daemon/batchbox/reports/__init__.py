"""Pure: the shapes of receipts, notifications and status."""
