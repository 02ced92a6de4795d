"""A newcomer's first order, command by command as the document has it."""

import asyncio
import re
import shlex
from pathlib import Path

import pytest

from shared.messages.invoicing import InvoiceIssued
from shared.messages.wallet import WalletCredited
from tests.program import program
from tests.system.house import House
from tests.system.shop import fetch

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
TRY_IT = README[README.index("## Try it yourself") : README.index("## Why it can be trusted")]
FIRST_ORDER = (ROOT / "docs" / "first-order.md").read_text()
BY_HAND = {"make servers", ". .venv/bin/activate", "cloudtill run all"}
"""What goes on in other terminals."""


def commands_of(document: str) -> list[list[str]]:
    """What is typed into the third terminal, and before the workers run."""
    blocks = re.findall(r"```sh\n(.*?)```", document, re.DOTALL)
    lines = (line for block in blocks for line in block.splitlines())
    typed = [each for line in lines for each in line.split(" && ")]
    split = [shlex.split(each, comments=True) for each in typed]
    return [words for words in split if shlex.join(words) not in BY_HAND]


async def test_the_first_order_ends_as_the_document_says_after_the_readme_too(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    house.start()
    cloudtill = program(
        monkeypatch, capsys, amqp_url=house.amqp_url, database_url=house.database_url
    )
    shown: list[str] = []
    for document, ends_with in ((TRY_IT, WalletCredited), (FIRST_ORDER, InvoiceIssued)):
        shown.append("")
        for name, *arguments in commands_of(document):
            assert name == "cloudtill"
            if arguments[0] == "show" and not shown[-1]:
                await house.wait_for(ends_with)
                await house.wait_until_idle()
            answer = await asyncio.to_thread(cloudtill, *arguments)
            assert answer.code == 0, f"{arguments}: {answer.err}"
            shown[-1] += answer.out if arguments[0] == "show" else ""
    assert "500,000" in shown[0]
    assert "320,000" in shown[1]
    assert "completed" in shown[1]
    assert await fetch(house, "select gross from invoicing.invoice") == [(180_000,)]
