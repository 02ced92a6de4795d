"""What customers under fire buy besides servers."""

from decimal import Decimal
from typing import Any

from shared.messages import Message
from shared.messages.catalogue import Meter, PricePublished, ProductPublished
from tests.builders import said
from tests.system.shop import LONG_AGO


def other_products() -> list[Message]:
    """One with the other policy of expiry, whose driver takes its time; one with a team of its own;
    one that is billed by what its meter counts, and one for which credit is held as well."""
    policies: dict[str, dict[str, Any]] = {
        "vtrash": {
            "driver": "simulated",
            "driver_options": {"delay_ms": 20, "fail_rate": 0.2},
        },
        "vteam": {"driver": "message", "driver_options": {"time_limit_s": 86_400}},
        "vmetered": {
            "driver": "simulated",
            "meters": {"traffic": Meter(sku="box", aggregation="cumulative")},
        },
        "vheld": {
            "driver": "simulated",
            "driver_options": {"fail_skus": ["lame"]},
            "use_priced": True,
        },
    }
    return [
        message
        for name, policy in policies.items()
        for message in (
            _product(name, **policy),
            price(name, "box", per="unit" if "meters" in policy else "30d"),
            *([price(name, "lame")] if name == "vheld" else []),
        )
    ]


def raw_product(name: str) -> list[Message]:
    """One whose meter has no price yet."""
    meters = {"traffic": Meter(sku="raw", aggregation="cumulative")}
    return [_product(name, driver="simulated", meters=meters), price(name, "box")]


def price(product: str, sku: str, *, per: str = "30d") -> Message:
    """A price from long ago."""
    published = PricePublished.model_validate(
        {
            "product": product,
            "sku": sku,
            "unit_price": "30000",
            "currency": "VND",
            "per": per,
            "effective_from": LONG_AGO,
        }
    )
    return said(published, at=LONG_AGO)


def _product(name: str, **policy: Any) -> Message:
    published = ProductPublished(
        product=name,
        name=name,
        vat_rate=Decimal("0.1"),
        effective_from=LONG_AGO,
        refundable=True,
        expiry_policy="trash",
        trash_days=3,
        renew_attempt_days=(3,),
        actions=("create", "renew", "recover", "delete"),
        **policy,
    )
    return said(published, at=LONG_AGO)
