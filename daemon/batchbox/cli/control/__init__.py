"""The commands that ask the daemon to do something."""
