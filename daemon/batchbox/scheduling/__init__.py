"""Pure: what to do next, fairness, priorities, quota and retention."""
