"""Surroundings: what the machine, the service manager and the environment allow a daemon.

Told of the process *pid*, the daemon where one runs. Linux; elsewhere the limits are not known, and nothing
is said of them. Files of /proc as in proc(5), memory of control groups as in the kernel's cgroup-v2.rst.
"""

import os
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from batchbox.reports.check_result import Check, accuse, show_bytes, warn

BASE_BYTES = 140_000_000  # what batchbox takes, however large a file is
LINE_FACTOR = 5  # a line is held that often while it is checked
LINE_BYTES = 10_000_000  # a request with a few pictures in it
ADDRESS_BYTES = 1 << 30  # of which 625 MB were seen to be used
FILES_AT_LEAST, FILES_FOR_COMFORT = 64, 256
UNLIMITED = 1 << 60  # control groups of version 1 say so by a number like this
GROUPS = Path("/sys/fs/cgroup")
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
BOUND = re.compile(r"(>=|<)\s*([0-9.]+)")
REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)\s*(\[[^]]*\])?\s*\(?([^;)]*)\)?\s*(;.*)?")


def check_memory(pid: int, transfers: int, longest: int) -> Iterator[Check]:
    """Tell whether the memory that the process may have is enough for it, and for *transfers* long lines.

    *longest*: what a line may have at most, in bytes.
    """
    limit, whose = min(_memory_limits(pid), default=(0, ""))
    if not limit:
        return
    told = f"{show_bytes(limit)} ({whose}); batchbox takes about {show_bytes(BASE_BYTES)}"
    needed = BASE_BYTES + LINE_FACTOR * LINE_BYTES * transfers
    line = min(max(limit - BASE_BYTES, 0) // LINE_FACTOR // transfers, longest)
    if limit < BASE_BYTES:
        yield accuse("memory", told, "it would be killed again and again: raise MemoryMax= of the unit")
    elif limit < needed:
        fix = (
            f"it lasts for {transfers} files at once with lines of up to {show_bytes(line)}; for longer "
            "ones lower transfers, or raise MemoryMax= of the unit"
        )
        yield warn("memory", told, fix)
    else:
        yield Check("memory", f"{told}; lines of {show_bytes(line)} fit")
    space = read_limit(pid, "Max address space")
    if space is not None and space < ADDRESS_BYTES:
        fix = "threads and libraries need more: ulimit -v unlimited, or LimitAS=infinity in the unit"
        yield warn("memory", f"the address space is limited to {show_bytes(space)}", fix)


def _memory_limits(pid: int) -> Iterator[tuple[int, str]]:
    """Yield what limits the memory: the machine itself, and each control group above the process."""
    with suppress(OSError, ValueError, IndexError):
        first = Path("/proc/meminfo").read_text(encoding="ascii").split()
        yield int(first[1]) * 1024, "all of this machine"
    for path, name in _group_files(pid):
        with suppress(OSError, ValueError):
            limit = int(path.read_text(encoding="ascii"))  # "max" is no number: no limit
            if limit < UNLIMITED:
                yield limit, f"limit of {name}"


def _group_files(pid: int) -> Iterator[tuple[Path, str]]:
    for kinds, group in read_groups(pid):
        root, file = GROUPS, "memory.max"
        if kinds:
            root, file = root / "memory", "memory.limit_in_bytes"
        if kinds in ("", "memory"):
            here = Path(group.lstrip("/"))
            yield from ((root / each / file, f"/{each}") for each in (here, *here.parents))


def read_groups(pid: int) -> list[tuple[str, str]]:
    """Return the control groups of a process: kinds (empty in version 2) and path."""
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
        return [(parts[1], parts[2]) for line in lines if len(parts := line.split(":", 2)) == len("NKP")]
    return []


def find_unit(pid: int) -> str:
    """Return the systemd unit that a process belongs to, empty if none."""
    steps = [step for _, group in read_groups(pid) for step in group.split("/")]
    return next((step for step in reversed(steps) if step.endswith(".service")), "")


def read_limit(pid: int, name: str) -> int | None:
    """Return the soft limit *name* (as in /proc/PID/limits) of a process, None if it has none."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path(f"/proc/{pid}/limits").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith(name))
        return int(line.removeprefix(name).split()[0])
    return None


def check_open_files(pid: int) -> Iterator[Check]:
    """Tell whether the process may open enough files."""
    limit = read_limit(pid, "Max open files")
    if limit is None:
        return
    fix = "raise LimitNOFILE= of the unit, or ulimit -n"
    if limit < FILES_AT_LEAST:
        yield accuse("open files", f"{limit} at most; {FILES_AT_LEAST} are needed", fix)
    elif limit < FILES_FOR_COMFORT:
        yield warn("open files", f"{limit} at most", f"many transfers at once may fail: {fix}")
    else:
        yield Check("open files", f"{limit:,} at most")


def check_proxies(environ: Mapping[str, str], base_url: str) -> Check:
    """Tell of proxies that the environment names: batchbox uses none."""
    names = [name for name in (*PROXIES, *(name.lower() for name in PROXIES)) if environ.get(name)]
    if not names:
        return Check("proxies", "the environment names none")
    fix = f"batchbox goes to {base_url} itself; where only a gateway may, set base_url to that one's address"
    return warn("proxies", f"{', '.join(names)}: not used", fix)


def check_versions() -> Iterator[Check]:
    """Tell the versions, and which libraries are not those that batchbox was made for."""
    wrong, seen = [], []
    for line in metadata.requires("batchbox") or []:
        found = REQUIREMENT.fullmatch(line)
        if not found or "extra" in (found[4] or ""):
            continue
        try:
            version = metadata.version(found[1])
        except metadata.PackageNotFoundError:
            version = "missing"
        seen.append(f"{found[1]} {version}")
        wrong += [] if _fits(version, found[3]) else [f"{found[1]} is {version}, not {found[3].strip()}"]
    told = f"Python {platform.python_version()}, {platform.system()} {platform.release()}; {', '.join(seen)}"
    if wrong:
        fix = "another SDK may repeat calls, and pay twice: install batchbox anew, in a venv of its own"
        yield accuse("versions", "; ".join(wrong), fix)
    yield Check("versions", told)


def _fits(version: str, bounds: str) -> bool:
    number = _number(version)
    tests = {">=": lambda bound: number >= bound, "<": lambda bound: number < bound}
    return all(tests[sign](_number(bound)) for sign, bound in BOUND.findall(bounds))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(step) for step in re.findall(r"\d+", version.partition("+")[0])[:3])


def check_watches(uid: int, folders: int) -> Iterator[Check]:
    """Tell whether the watcher gets what it needs: a watch for each of *folders*, and an instance."""
    watches, instances = _read_maximum("watches"), _read_maximum("instances")
    if watches is None or instances is None:
        return
    used_instances, used_watches = _count_watches(uid)
    fix = "files are found by scanning alone, up to a second later: raise fs.inotify.max_user_"
    told = f"{used_watches:,} of {watches:,} watches, {used_instances:,} of {instances:,} instances in use"
    if watches - used_watches < folders:
        yield warn("watcher", f"{told}; the inbox needs {folders:,}", f"{fix}watches (sysctl)")
    elif used_instances >= instances:
        yield warn("watcher", told, f"{fix}instances (sysctl)")
    else:
        yield Check("watcher", f"{told}, as far as can be seen; the inbox needs {folders:,}")


def _read_maximum(what: str) -> int | None:
    with suppress(OSError, ValueError):
        return int(Path(f"/proc/sys/fs/inotify/max_user_{what}").read_text(encoding="ascii"))
    return None


def _count_watches(uid: int) -> tuple[int, int]:
    """Return how many instances and watches the processes of a user have, of those that may be looked at."""
    instances = watches = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, StopIteration):
            lines = (process / "status").read_text(encoding="ascii", errors="replace").splitlines()
            if int(next(line for line in lines if line.startswith("Uid:")).split()[1]) != uid:
                continue
            for number in os.listdir(process / "fd"):
                if os.readlink(process / "fd" / number) == "anon_inode:inotify":
                    instances += 1
                    watches += (process / "fdinfo" / number).read_text(encoding="ascii").count("inotify wd:")
    return instances, watches
