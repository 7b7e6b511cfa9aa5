"""Log events, metrics and messages to systemd."""
