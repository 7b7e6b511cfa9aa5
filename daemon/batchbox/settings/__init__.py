"""Settings: the model, its queues, where values come from, and its errors."""
