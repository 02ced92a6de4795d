"""Consumers and publishers of the last release go on working with this one."""

import copy
from collections.abc import Callable

import pytest

from tests.compatibility.contract import Contract, Field, breaks, contract_of, released

NOW = contract_of()


def test_nothing_that_was_released_is_broken() -> None:
    broken = list(breaks(released(), NOW))
    assert not broken, (
        "\n".join(broken) + "\nAdd another field or type instead. Where nothing was released with"
        " the old one yet, `python -m tests.compatibility` notes the new contract."
    )


def remove(name: str) -> Callable[[dict[str, Field]], None]:
    def change(fields: dict[str, Field]) -> None:
        del fields[name]

    return change


def update(name: str, **new: object) -> Callable[[dict[str, Field]], None]:
    def change(fields: dict[str, Field]) -> None:
        fields[name] |= new

    return change


def add(name: str, *, required: bool) -> Callable[[dict[str, Field]], None]:
    def change(fields: dict[str, Field]) -> None:
        fields[name] = {"types": ["string"], "required": required}

    return change


def changed(message_type: str, change: Callable[[dict[str, Field]], None]) -> Contract:
    contract = copy.deepcopy(NOW)
    change(contract[message_type])
    return contract


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (remove("order_id"), "order_id is gone"),
        (remove("items[].item_id"), "items[].item_id is gone"),
        (update("order_id", types=["integer"]), "order_id may no longer be string"),
        (update("coupon", required=True), "coupon became required"),
        (update("order_id", required=False), "order_id may be missing, and was always there"),
        (update("action", enum=["create"]), "action may no longer be delete"),
        (update("order_id", maxLength=32), "order_id has a tighter maxLength: 32"),
        (update("order_id", pattern="^ord-"), "order_id must look otherwise: ^ord-"),
        (update("order_id", enum=["ord-1"]), "order_id is limited to some values"),
        (add("cost_centre", required=True), "cost_centre is new and required"),
        (add("items[].rack", required=True), "items[].rack is new and required"),
    ],
)
def test_a_change_that_would_break_somebody_is_found(
    change: Callable[[dict[str, Field]], None], told: str
) -> None:
    (line,) = breaks(NOW, changed("order.placed", change))
    assert line.startswith(f"order.placed: {told}")


@pytest.mark.parametrize(
    "change",
    [
        add("cost_centre", required=False),
        update("order_id", maxLength=128),
        update("order_id", types=["null", "string"]),
    ],
)
def test_what_only_adds_breaks_nobody(change: Callable[[dict[str, Field]], None]) -> None:
    assert not list(breaks(NOW, changed("order.placed", change)))


def test_a_type_that_is_gone_is_found_and_a_new_one_breaks_nobody() -> None:
    fewer = {name: fields for name, fields in NOW.items() if name != "wallet.credited"}
    assert list(breaks(NOW, fewer)) == ["wallet.credited is gone"]
    assert not list(breaks(fewer, NOW))


def test_nested_fields_belong_to_the_contract() -> None:
    assert "invoices[].lines[].amount" in NOW["invoices.issued"]
    assert NOW["order.placed"]["items[].components[].quantity"]["required"]
