"""What a service's user may say, and that passwords travel only as what verifies them."""

import ast
import base64
import hashlib
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from services.registry import SCHEMAS, SERVICES
from shared.messages import MESSAGE_TYPES, Message
from shared.service import Service
from shared.users import BadUser, Login, Rights, rabbitmq_hash

NAMED = {one.__name__: one for one in MESSAGE_TYPES.values()}


def made_in(service: Service) -> Iterator[type[Message]]:
    """The messages that a service's code makes, found by their names in calls."""
    folder = Path(import_module(service.package).__file__ or "").parent
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                made = node.func.value if isinstance(node.func, ast.Attribute) else node.func
                if isinstance(made, ast.Name) and made.id in NAMED:
                    yield NAMED[made.id]


def routing_key(message: type[Message]) -> str:
    return f"{message.type}.vserver" if "routing_key" in vars(message) else message.type


@pytest.mark.parametrize("service", SCHEMAS, ids=lambda one: one.name)
def test_a_service_may_say_what_its_code_says(service: Service) -> None:
    may = re.compile(Rights.of(service).says)
    for message in made_in(service):
        assert may.search(routing_key(message)), f"{service.name} says {message.type}"


def test_only_billing_says_that_something_was_paid_and_only_gateways_what_a_gateway_said() -> None:
    def who_says(type_: str) -> set[str]:
        return {one.name for one in SCHEMAS if re.search(Rights.of(one).says, type_)}

    assert who_says("payment.confirmed") == {"billing"}
    assert who_says("gateway.payment_succeeded") == {"gateways"}
    assert who_says("wallet.credited") == {"wallet"}
    assert who_says("invoice.issued") == {"invoicing"}
    assert who_says("refund.to_credit") == {"billing", "invoicing"}
    assert who_says("refund.reserve") == {"invoicing"}
    assert who_says("refund.reserved") == {"billing"}
    assert who_says("tick.month") == {"scheduler"}
    assert who_says("notification.sent") == {"notifications"}
    assert who_says("notification.preferences_set") == {"portal"}
    assert who_says("account.switch_requested") == {"portal"}
    assert who_says("dead_letter.replay_requested.wallet") == {"portal"}
    assert who_says("dead_letter.recorded") == {one.name for one in SCHEMAS}
    assert who_says("product.requested.vserver") == {"provisioning"}
    assert who_says("payment.confirmed.x") == who_says("xpayment.confirmed") == set()


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda one: one.name)
def test_a_service_reads_its_own_queues_only_and_declares_nothing(service: Service) -> None:
    rights = Rights.of(service)
    queues = [name for one in SERVICES for name in (one, f"{one}.dead")]
    readable = [queue for queue in queues if re.search(rights.read, queue)]
    assert readable == [service.name, f"{service.name}.dead"]
    assert [queue for queue in queues if re.search(rights.puts_back, queue)] == [service.name]
    assert not [name for name in (*queues, "cloudtill") if re.search(rights.configure, name)]
    assert not re.search(rights.write, "amq.default"), "which leads to every queue"


def test_a_login_is_the_user_of_an_url() -> None:
    login = Login.of("amqps://cloudtill_wallet:p%40ss%2Fword@host:5671/", "X")
    assert (login.name, login.password) == ("cloudtill_wallet", "p@ss/word")
    assert "word" not in repr(login)


@pytest.mark.parametrize(
    "url",
    [
        "amqp://host/",
        "amqp://wallet@host/",
        "amqp://Wallet:secret@host/",
        'amqp://a"b:secret@host/',
        "amqp://host:port/",
    ],
)
def test_a_user_that_could_not_be_made_is_named_without_its_password(url: str) -> None:
    with pytest.raises(BadUser, match=r"^CLOUDTILL_WALLET_AMQP_URL") as refused:
        Login.of(url, "CLOUDTILL_WALLET_AMQP_URL")
    assert "secret" not in str(refused.value)


def test_rabbitmq_verifies_a_password_by_a_salted_hash() -> None:
    kept = base64.b64decode(rabbitmq_hash("secret"))
    assert kept[4:] == hashlib.sha256(kept[:4] + b"secret").digest()
    assert rabbitmq_hash("secret") != rabbitmq_hash("secret")
