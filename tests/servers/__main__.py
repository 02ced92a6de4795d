"""`python -m tests.servers [--durable] COMMAND ARG...`: run a command beside servers of its own.

Without a command: print the settings under which to use them, and stay until Ctrl-C.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from types import FrameType

from tests.servers import ServersMissing, servers

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Returns the command's exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    parser.add_argument("--durable", action="store_true", help="Postgres waits for the disk")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with servers(durable=options.durable) as running:
            if options.command:
                return _run(options.command, running.environment())
            for name, value in running.environment().items():
                print(f"export {name}={shlex.quote(value)}", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return 130
    except ServersMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


def _run(command: list[str], environment: dict[str, str]) -> int:
    child: subprocess.Popen[bytes] | None = None

    def forward(sign: int, _frame: FrameType | None) -> None:
        if child is not None and not (sign == signal.SIGINT and _at_the_keyboard()):
            child.send_signal(sign)

    before = {sign: signal.signal(sign, forward) for sign in _SIGNALS}
    try:
        child = subprocess.Popen(command, env={**os.environ, **environment})
        code = child.wait()
    except FileNotFoundError:
        print(f"there is no command {command[0]}", file=sys.stderr)
        return 127
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
    return code if code >= 0 else 128 - code


def _at_the_keyboard() -> bool:
    """Whether a Ctrl-C reaches the command without us."""
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(main())
