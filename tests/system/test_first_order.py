"""A newcomer's first order, command by command as the document has it."""

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from shared.messages.invoicing import InvoiceIssued
from tests.program import program
from tests.system.house import House
from tests.system.shop import fetch

DOCUMENT = Path(__file__).parents[2] / "docs" / "first-order.md"
BY_HAND = {"make servers", ". .venv/bin/activate", "cloudtill run all"}
"""What goes on in other terminals."""


async def test_the_first_order_ends_as_the_document_says(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.start()
    cloudtill = program(
        monkeypatch, capsys, amqp_url=house.amqp_url, database_url=house.database_url
    )
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    commands = [line for block in blocks for line in block.splitlines() if line not in BY_HAND]
    shown = ""
    for command in commands:
        name, *arguments = shlex.split(command)
        assert name == "cloudtill"
        if arguments[0] == "show" and not shown:
            await house.wait_for(InvoiceIssued)
            await house.wait_until_idle()
        answer = await asyncio.to_thread(cloudtill, *arguments)
        assert answer.code == 0, f"{command}: {answer.err}"
        shown += answer.out if arguments[0] == "show" else ""
    assert "320,000" in shown
    assert "completed" in shown
    assert await fetch(house, "select gross from invoicing.invoice") == [(180_000,)]
