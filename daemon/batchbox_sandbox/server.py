"""`serve` in the foreground, `running` for tests."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial

from aiohttp import web

from batchbox_sandbox import api, control
from batchbox_sandbox.calls import CALL
from batchbox_sandbox.remote import Sandbox
from batchbox_sandbox.replies import add_headers
from batchbox_sandbox.settings import SandboxSettings
from batchbox_sandbox.state import State

__all__ = ["Sandbox", "SandboxSettings", "running", "serve"]

DEFAULTS = SandboxSettings()
# Calls still under way at the end (late answers, slow streams) are not worth waiting for.
SHUTDOWN_SECONDS = 0.1


def serve(settings: SandboxSettings, ready: Callable[[str], None]) -> None:
    """Run a sandbox until SIGINT or SIGTERM; call *ready* with its address once it listens."""
    asyncio.run(_serve(settings, ready))


@contextmanager
def running(settings: SandboxSettings = DEFAULTS) -> Iterator[Sandbox]:
    """Run a sandbox in a thread of its own for the length of the block."""
    started: Future[tuple[str, Callable[[], object]]] = Future()
    # A daemon, so that a test that hangs elsewhere can still be ended by its runner.
    thread = threading.Thread(target=_work, args=(settings, started), name="sandbox", daemon=True)
    thread.start()
    url, stop = started.result()
    try:
        yield Sandbox(url)
    finally:
        stop()
        thread.join()


def build(settings: SandboxSettings) -> web.Application:
    """Return a sandbox as an application, with nothing in it yet."""
    state = State(settings)
    app = web.Application()

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        call = request.get(CALL)
        if call is not None:
            call.settle(response.status)
            add_headers(request, response, state.now() + state.skew)

    app.on_response_prepare.append(prepare)
    # The API answers every path that is left, so it comes last.
    control.add_routes(app, state)
    api.add_routes(app, state)
    return app


async def _serve(settings: SandboxSettings, ready: Callable[[str], None]) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await _run(settings, ready, stop)


def _work(settings: SandboxSettings, started: "Future[tuple[str, Callable[[], object]]]") -> None:
    async def run() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        # The thread that ends the block is not the loop's own.
        halt = partial(loop.call_soon_threadsafe, stop.set)
        await _run(settings, lambda url: started.set_result((url, halt)), stop)

    try:
        asyncio.run(run())
    except Exception as error:
        if started.done():
            raise
        started.set_exception(error)


async def _run(settings: SandboxSettings, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    runner = web.AppRunner(build(settings), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        ready(_address(settings.host, runner.addresses[0][1]))
        await stop.wait()
    finally:
        await runner.cleanup()


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
