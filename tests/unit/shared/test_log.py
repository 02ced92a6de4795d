"""Log lines tell what happened, and neither who a customer is nor a password."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
import structlog

from shared import log


@pytest.fixture
def logged() -> Iterator[Callable[[], dict[str, Any]]]:
    """What was logged as JSON, one line."""
    written = StringIO()
    log.configure("info", "json")
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(written), cache_logger_on_first_use=False
    )

    def line() -> dict[str, Any]:
        (one,) = map(json.loads, written.getvalue().splitlines())
        assert isinstance(one, dict)
        return one

    yield line
    structlog.reset_defaults()


def test_what_happened_is_told_with_its_ids(logged: Callable[[], dict[str, Any]]) -> None:
    structlog.get_logger().info("payment confirmed", order_id="ord-1", amount=230_000)
    line = logged()
    assert (line["event"], line["order_id"], line["amount"]) == (
        "payment confirmed",
        "ord-1",
        230_000,
    )
    assert line["level"] == "info"


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "an@example.com"},
        {"name": "An Nguyen"},
        {"error": "Key (email)=(an@example.com) already exists."},
        {"url": "amqp://wallet:s3cret@host:5671/"},
        {"error": "can't reach postgresql://wallet:s3cret@host/x?sslmode=verify-full"},
        {"found": [{"to": "an@example.com"}]},
    ],
)
def test_customers_data_and_passwords_are_masked(
    fields: dict[str, object], logged: Callable[[], dict[str, Any]]
) -> None:
    structlog.get_logger().warning("strange", **fields)
    written = json.dumps(logged())
    assert "***" in written
    for secret in ("example.com", "Nguyen", "s3cret"):
        assert secret not in written


def test_errors_tell_where_they_happened_without_what_was_there(
    logged: Callable[[], dict[str, Any]],
) -> None:
    email = "an@example.com"
    try:
        raise ValueError(f"no account of {email}")
    except ValueError:
        structlog.get_logger().exception("handler failed")
    line = logged()
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert line["exception"][0]["exc_value"] == "no account of ***"
    assert email not in json.dumps(line)


def test_what_only_looks_like_an_address_stays(logged: Callable[[], dict[str, Any]]) -> None:
    structlog.get_logger().info("x", error="TimeoutError()", id="order.placed:2026@7", at="12:00")
    line = logged()
    assert (line["error"], line["id"], line["at"]) == (
        "TimeoutError()",
        "order.placed:2026@7",
        "12:00",
    )
