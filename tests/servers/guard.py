"""Ends servers and removes their folders once whoever started them is gone, however it went.

A process of its own that reads, one JSON object a line, what there is to end; when its input ends,
so does everything on its list. It is run as a file, without the project.
"""

import json
import os
import shutil
import signal
import sys
import time
from contextlib import suppress

_PATIENCE_S = 8


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _end(pid: int, sign: int) -> None:
    """Send a signal to a process; what remains of its group after a while is killed."""
    with suppress(ProcessLookupError):
        os.kill(pid, sign)
        until = time.monotonic() + _PATIENCE_S
        while _is_there(pid) and time.monotonic() < until:
            time.sleep(0.02)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def main() -> None:
    """Read until the other end closes, then clean up."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    processes: dict[int, int] = {}
    folders: list[str] = []
    for line in sys.stdin:
        match json.loads(line):
            case {"end": pid, "with": sign}:
                processes[pid] = sign
            case {"ended": pid}:
                processes.pop(pid, None)
            case {"remove": folder}:
                folders.append(folder)
    for pid, sign in reversed(processes.items()):
        _end(pid, sign)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
