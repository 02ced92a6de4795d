"""The real program in a process of its own, against real servers and a real worker."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from shared.messages.upstream import AccountRegistered
from shared.messages.wallet import WalletCredited
from tests.builders import said
from tests.servers import AMQP_URL, DATABASE_URL
from tests.system.conftest import OpenHouse
from tests.system.house import House
from tests.system.shop import fetch

_ROOT: Final = Path(__file__).parents[2]
TOP_UP: Final = (
    "publish",
    "top_up.received",
    "top_up_id=t-1",
    "account_id=acc-1",
    "amount=500000",
    "gateway=bank",
    "gateway_reference=r-1",
    "--id",
    "once",
)


def cloudtill(house: House, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run the program to its end."""
    environment = {name: value for name, value in os.environ.items() if "CLOUDTILL_" not in name}
    return subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        env={
            **environment,
            AMQP_URL: house.amqp_url,
            DATABASE_URL: house.database_url,
            "PYTHONPATH": str(_ROOT),
            **settings,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_message_published_twice_counts_once(house_of: OpenHouse) -> None:
    house = await house_of("wallet")
    house.start("wallet")
    await house.publish(
        said(AccountRegistered(account_id="acc-1", email="an@example.com", name="An"))
    )
    for _ in range(2):
        published = cloudtill(house, *TOP_UP)
        assert (published.returncode, published.stderr) == (0, "")
        assert published.stdout == "published top_up.received once\n"
    await house.wait_for(WalletCredited)
    await house.wait_until_idle()
    assert await fetch(house, "select balance, transfers from wallet.wallet") == [(500_000, 1)]

    shown = cloudtill(house, "show", "wallet", "acc-1", "--json")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert json.loads(shown.stdout)["wallets"][0]["balance"] == 500_000


async def test_a_dead_letter_is_replayed_once_what_it_lacked_has_come(house_of: OpenHouse) -> None:
    house = await house_of("wallet")
    house.start("wallet", reference_wait_s="0", retry_delays_s="[0.1]")
    cloudtill(house, *TOP_UP)
    await house.wait_until_idle()
    ((number, reason),) = await fetch(house, "select number, reason from wallet.dead_letter")
    assert reason in ("unknown_wallet", "out_of_attempts", "unknown_account")

    await house.publish(
        said(AccountRegistered(account_id="acc-1", email="an@example.com", name="An"))
    )
    await house.wait_until_idle()
    replayed = cloudtill(house, "dead", "replay", f"wallet:{number}")
    assert (replayed.returncode, replayed.stderr) == (0, "")
    await house.wait_for(WalletCredited)
    await house.wait_until_idle()
    assert await fetch(house, "select balance from wallet.wallet") == [(500_000,)]
    listed = cloudtill(house, "dead", "list", "--json")
    assert json.loads(listed.stdout) == []


async def test_without_rabbitmq_the_program_says_one_line(house_of: OpenHouse) -> None:
    house = await house_of("wallet")
    answer = cloudtill(house, "topology", "check", CLOUDTILL_AMQP_URL="amqp://127.0.0.1:1/")
    assert (answer.returncode, answer.stdout) == (1, "")
    (line,) = answer.stderr.splitlines()
    assert line.startswith("cloudtill: can't reach RabbitMQ at ")


def test_whoever_reads_only_the_beginning_sees_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    answer = subprocess.run(
        [sys.executable, "-m", "services.cli", "asyncapi"],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(_ROOT)},
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (answer.returncode, answer.stderr) == (1, b"")
