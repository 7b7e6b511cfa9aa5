"""Notifications: commands and webhooks."""
