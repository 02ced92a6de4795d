"""The example of a product team's package, installed and ordered from as its README says."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from zipfile import ZipFile

import pytest

from shared.messages.billing import RefundToCredit
from shared.messages.catalogue import PricePublished, ProductPublished
from shared.messages.invoicing import InvoiceIssued
from shared.messages.provisioning import ProvisioningFailed
from shared.messages.upstream import OrderItem
from shared.messages.wallet import WalletCredited
from tests.builders import component, said
from tests.program import program
from tests.system.house import House
from tests.system.shop import LONG_AGO, assert_audit_is_clean, customer, order

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "vdatabase"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the package is installed, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=EXAMPLE,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


async def test_a_product_of_a_teams_own_is_sold_as_its_readme_says(
    house: House,
    installed: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    house.plug_ins = (installed,)
    house.start()
    await house.publish(*customer(credit=10_000_000))
    await house.wait_for(WalletCredited)
    cloudtill = program(
        monkeypatch, capsys, amqp_url=house.amqp_url, database_url=house.database_url
    )
    monkeypatch.chdir(ROOT)
    (block,) = re.findall(r"```sh\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)
    commands = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert commands.pop(0) == ["pip", "install", "./examples/vdatabase"]
    for program_name, *arguments in commands[:-1]:
        assert program_name == "cloudtill"
        answer = await asyncio.to_thread(cloudtill, *arguments)
        assert answer.code == 0, answer.err
    invoice = await house.wait_for(InvoiceIssued)
    assert (invoice.resource_id, invoice.gross, invoice.status) == ("db-1", 240_000, "paid")
    shown = await asyncio.to_thread(cloudtill, *commands[-1][1:])
    assert shown.code == 0, shown.err
    assert shown.out.count("db-1") > 0
    await house.wait_until_idle()
    await assert_audit_is_clean(house)


def test_a_driver_is_tried_without_servers_as_its_readme_says(installed: Path) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)
    found = os.pathsep.join((str(installed), str(ROOT)))
    subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": found}, check=True
    )


async def test_what_the_driver_refuses_is_given_back(house: House, installed: Path) -> None:
    house.plug_ins = (installed,)
    house.start()
    product = ProductPublished.model_validate_json((EXAMPLE / "product.json").read_text())
    price = PricePublished(
        product="vdatabase",
        sku="memory_gb",
        unit_price=Decimal(120_000),
        currency="VND",
        per="30d",
        effective_from=LONG_AGO,
    )
    catalogue = [said(one, at=LONG_AGO) for one in (product, price)]
    await house.publish(*catalogue, *customer(credit=10_000_000))
    await house.wait_for(WalletCredited)
    item = OrderItem(
        item_id="huge",
        product="vdatabase",
        name="huge",
        components=(component("memory_gb", "33"),),
        days=30,
    )
    await house.publish(order("ord-huge", [item]))
    failed = await house.wait_for(ProvisioningFailed)
    refund = await house.wait_for(RefundToCredit)
    await house.wait_until_idle()
    assert failed.reason == "larger_than_any"
    assert refund.amount == 33 * 120_000
    await assert_audit_is_clean(house)
