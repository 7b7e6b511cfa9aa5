"""`python -m batchbox_sandbox`: run a sandbox until it is interrupted."""

import argparse
import sys
from typing import get_args

from batchbox_sandbox.server import serve
from batchbox_sandbox.settings import Framing, SandboxSettings


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m batchbox_sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0 is any free port")
    parser.add_argument("--work-seconds", type=float, default=2.0, help="from create to ended")
    parser.add_argument("--framing", choices=get_args(Framing), default="length", help="of the results")
    try:
        serve(SandboxSettings(**vars(parser.parse_args())), announce)
    except OSError as error:
        sys.exit(f"The sandbox cannot listen there: {error}")


def announce(url: str) -> None:
    """Say where the sandbox listens and how it is used."""
    use = f"Use it: ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY=any-text"
    sys.stdout.write(f"The sandbox listens on {url}\n{use}\n")
    # Whoever started this process waits for the address.
    sys.stdout.flush()


if __name__ == "__main__":
    main()
