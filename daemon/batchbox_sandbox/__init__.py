"""A stand-in for Anthropic's Message Batches API: real HTTP on loopback, faults on demand.

settings   what may be configured, and the guesses where the real API is not documented
envelope   pure: the bytes of a create -> its requests, or the 400 that the API would give
checks     pure: what is wrong with one request's params (found late: an errored row)
batches    pure: a batch is a record; every figure about it is a function of (record, now)
answers    pure: one request -> one result row
rows       pure: the order of a batch's rows, and the ways to damage them
faults     pure: the faults that can be ordered, and the book they are taken from
outcomes   pure: the outcomes that can be ordered for single requests
workspace  every batch ever accepted, and who may see it now
uploads    a body on its way in: counted, hashed, never held twice
calls      the log of API calls
state      what one sandbox knows, shared by all endpoints
replies    answers as HTTP: envelope, headers, aborted connections
effects    what a fault does before and after the work of a call
results    a result stream as HTTP, in three framings, whole or cut
api        the six endpoints
control    the endpoints under /sandbox/, for tests and for curl
remote     `Sandbox`: the control endpoints as methods
server     `serve` in the foreground, `running` for tests

Nothing here imports the rest of the package: the stand-in must not share a bug with what it tests.
"""
