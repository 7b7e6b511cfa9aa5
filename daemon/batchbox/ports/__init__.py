"""What the engine asks of the world: storage, the API, the clock, notifications."""
