"""Pure: estimates, cost reports, limits and price modifiers."""
