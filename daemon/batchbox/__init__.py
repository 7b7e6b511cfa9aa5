"""A drop folder for the Message Batches API.

core      pure: nouns, errors, the state table, the plan, lines, packing, names
settings  one frozen model of what people may set
spool     the only code that touches the disk
api       the only code that speaks to Anthropic
engine    the loop, the mailbox and one module a step
sandbox   a stand-in for the API, with faults on demand
service   logging and, later, systemd's notifications
app       the composition root: real clock, real client, signals
cli       what a person types and sees
"""

__version__ = "0.1.0"
