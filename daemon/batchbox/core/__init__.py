"""The pure heart: no I/O, no clock. It gets facts and gives decisions."""
