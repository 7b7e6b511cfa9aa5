"""A real smbd of one's own, on this host: no root, no files of the host's."""

import getpass
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.daemon import wait_for

# whoever comes is who runs the tests
GLOBAL = """[global]
server role = standalone server
smb ports = {port}
interfaces = 127.0.0.1
bind interfaces only = yes
pid directory = {place}
lock directory = {place}
state directory = {place}
cache directory = {place}
private dir = {place}
ncalrpc dir = {place}/rpc
log file = {place}/log
passdb backend = tdbsam:{place}/passdb.tdb
map to guest = bad user
guest account = {user}
guest ok = yes
load printers = no
disable spoolss = yes

"""
CLIENT = '#!/bin/sh\nexec {program} -s {config} -p {port} -I 127.0.0.1 -N "$@"\n'


@contextmanager
def serving(shares: str, place: Path, client: Path) -> Iterator[None]:
    """Serve *shares*; *client* is made a smbclient that finds them under any host's name."""
    place.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = place / "smb.conf"
    config.write_text(GLOBAL.format(place=place, port=port, user=getpass.getuser()) + shares)
    client.write_text(CLIENT.format(program=shutil.which("smbclient"), config=config, port=port))
    client.chmod(stat.S_IRWXU)
    command = [str(shutil.which("smbd")), "--foreground", "--no-process-group", "-s", str(config)]
    with (place / "out").open("wb") as out:
        # in a session of its own: at its end it signals its whole group, and that would be the tests
        smbd = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        wait_for(lambda: is_listening(port) or smbd.poll() is not None, "smbd")
        if smbd.poll() is not None:
            pytest.skip(f"smbd does not start here: {(place / 'out').read_text()[-200:]}")
        yield
    finally:
        smbd.terminate()
        smbd.wait()


def is_listening(port: int) -> bool:
    """Say whether anybody answers there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
