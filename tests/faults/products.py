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
        "vheld": {"driver": "simulated", "use_priced": True},
    }
    messages: list[Message] = []
    for name, policy in policies.items():
        product = ProductPublished(
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
        price = PricePublished(
            product=name,
            sku="box",
            unit_price=Decimal(30_000),
            currency="VND",
            per="unit" if "meters" in policy else "30d",
            effective_from=LONG_AGO,
        )
        messages += [said(product, at=LONG_AGO), said(price, at=LONG_AGO)]
    return messages
