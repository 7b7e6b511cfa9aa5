"""The commands that show what happens: `status` and `show`."""
