"""`cloudtill demo` as a newcomer runs it: with its own processes, again, and interrupted."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from tests.servers import AMQP_URL, DATABASE_URL

_ROOT: Final = Path(__file__).parents[2]
_PATIENCE_S: Final = 100
_TITLES: Final = (
    "it succeeds",
    "nothing happens but a rejection",
    "the money comes back as credit",
    "one invoice, one refund",
    "what was ordered is created then",
    "without an invoice",
    "invoiced when the month is over",
)
_TABLES: Final = (
    "Resources",
    "Payment history",
    "Credit history",
    "Proof of concept",
    "Invoices",
)


@pytest.fixture
def environment(database_url: str, amqp_url: str) -> dict[str, str]:
    """What the demo runs under: servers of the test's own."""
    ours = {name: value for name, value in os.environ.items() if "CLOUDTILL_" not in name}
    return ours | {
        AMQP_URL: amqp_url,
        DATABASE_URL: database_url,
        "PYTHONPATH": str(_ROOT),
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def demo(environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A demo under way; it is killed at the end should it still run. It hears Ctrl-C even where we
    do not, as behind `nohup`: what is ignored would be inherited."""
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        [sys.executable, "-m", "services.cli", "demo"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        signal.signal(signal.SIGINT, ours)
        yield process
        if process.poll() is None:
            process.kill()


def play(environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """A demo from its beginning to its end."""
    return subprocess.run(
        [sys.executable, "-m", "services.cli", "demo"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )


def left_running(environment: Mapping[str, str]) -> list[int]:
    """The processes other than this one that use the test's own database."""
    name = urlsplit(environment[DATABASE_URL]).path.encode()
    running: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            uses = name in (process / "environ").read_bytes()
        except OSError:
            continue  # it has just ended, or is somebody else's
        if uses and int(process.name) != os.getpid():
            running.append(int(process.name))
    return running


def test_the_demo_runs_twice_on_the_same_servers(environment: dict[str, str]) -> None:
    for _ in range(2):
        played = play(environment)
        assert (played.returncode, played.stderr) == (0, ""), played.stdout[-3_000:]
        for title in _TITLES:
            assert title in played.stdout
        titles = {line.strip() for line in played.stdout.splitlines()}
        assert titles >= {*_TABLES, "Mails"}
        assert "Your payment of 250,000 VND succeeded" in played.stdout
        assert "Audit: all of " in played.stdout
        assert "unpaid" in played.stdout
        assert "\x1b" not in played.stdout, "no colours in a pipe"
        assert left_running(environment) == []


def test_a_demo_that_is_interrupted_leaves_nothing_running(
    demo: "subprocess.Popen[str]", environment: dict[str, str]
) -> None:
    assert demo.stdout is not None
    for line in demo.stdout:
        if "payment.confirmed" in line:
            break
    assert len(left_running(environment)) > 1, "the demo and its workers"
    demo.send_signal(signal.SIGINT)
    _, complaint = demo.communicate(timeout=_PATIENCE_S)
    assert demo.returncode == 130
    assert "Traceback" not in complaint
    assert left_running(environment) == []


def test_without_rabbitmq_the_demo_says_so_in_one_line(environment: dict[str, str]) -> None:
    played = play(environment | {AMQP_URL: "amqp://someone:secret@127.0.0.1:1/"})
    assert played.returncode == 1
    (line,) = played.stderr.splitlines()
    assert line.startswith("cloudtill: can't reach RabbitMQ at amqp://***@127.0.0.1:1/")
    assert left_running(environment) == []
