"""Drivers: what they answer, and which options they take."""

import sys
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.provisioning import drivers
from services.provisioning.drivers import (
    BadDriverOptions,
    Failed,
    Pending,
    Request,
    Succeeded,
    UnknownDriver,
    driver_of,
)
from shared.messages.product_teams import ProductFailed, ProductRequested, ProductSucceeded
from tests.builders import NOON, component


def _request(request_id: str = "r-1", sku: str = "cpu") -> Request:
    return Request(
        request_id=request_id,
        action="create",
        product="vserver",
        resource_id="vm-1",
        account_id="acc-1",
        components=(component(sku),),
        asked_at=NOON,
    )


@given(st.text(min_size=1))
def test_simulated_with_a_rate_of_0_always_succeeds_and_with_1_always_fails(id_: str) -> None:
    assert driver_of("simulated", {"fail_rate": 0}).ask(_request(id_)) == Succeeded(NOON)
    assert isinstance(driver_of("simulated", {"fail_rate": 1}).ask(_request(id_)), Failed)


def test_simulated_fails_about_the_share_it_is_told_to_and_always_the_same_requests() -> None:
    driver = driver_of("simulated", {"fail_rate": 0.3})
    answers = [driver.ask(_request(f"r-{number}")) for number in range(1_000)]
    again = [driver.ask(_request(f"r-{number}")) for number in range(1_000)]
    assert answers == again
    assert 250 < sum(isinstance(answer, Failed) for answer in answers) < 350


def test_simulated_fails_exactly_what_has_one_of_the_named_components() -> None:
    driver = driver_of("simulated", {"fail_skus": ["bad"]})
    assert isinstance(driver.ask(_request(sku="bad")), Failed)
    assert driver.ask(_request(sku="good")) == Succeeded(NOON)


@pytest.mark.parametrize(("sku", "answer"), [("cpu", ProductSucceeded), ("bad", ProductFailed)])
def test_simulated_with_a_delay_answers_by_a_message_after_it(sku: str, answer: type) -> None:
    delay = timedelta(milliseconds=250)
    pending = driver_of("simulated", {"delay_ms": 250, "fail_skus": ["bad"]}).ask(_request(sku=sku))
    assert isinstance(pending, Pending)
    assert (pending.after, pending.time_limit) == (delay, None)
    [message] = pending.messages
    assert isinstance(message, answer)


def test_message_asks_the_team_and_waits_for_as_long_as_the_product_says() -> None:
    pending = driver_of("message", {"time_limit_s": 60}).ask(_request())
    assert isinstance(pending, Pending)
    [asked] = pending.messages
    assert isinstance(asked, ProductRequested)
    assert asked.routing_key == "product.requested.vserver"
    assert (asked.request_id, asked.action, asked.components) == ("r-1", "create", (component(),))
    assert (pending.time_limit, pending.after) == (timedelta(minutes=1), timedelta())
    by_default = driver_of("message", {}).ask(_request())
    assert isinstance(by_default, Pending)
    assert by_default.time_limit == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("simulated", {"fail_rate": 7}),
        ("simulated", {"fail_rate": "0.5"}),
        ("simulated", {"fail_rate": float("nan")}),
        ("simulated", {"delay_ms": -1}),
        ("simulated", {"fail_skus": "bad"}),
        ("simulated", {"fail_rat": 0.5}),
        ("message", {"time_limit_s": 0}),
        ("message", {"time_limit_s": None}),
    ],
)
def test_options_that_a_driver_cannot_work_with_are_refused(
    name: str, options: dict[str, Any]
) -> None:
    with pytest.raises(BadDriverOptions):
        driver_of(name, options)


def test_a_driver_that_is_not_installed_is_unknown_and_those_that_are_are_named() -> None:
    with pytest.raises(UnknownDriver, match=r"'nobody' is not installed.*message, simulated"):
        driver_of("nobody", {})


class OwnDriver:
    """A product team's, which looks its options up."""

    def __init__(self, options: Mapping[str, object]) -> None:
        self._reason = str(options["reason"])

    def ask(self, request: Request) -> Failed:
        return Failed(self._reason, request.asked_at)


@pytest.fixture
def _a_teams_own(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("a_team")
    monkeypatch.setattr(module, "make", OwnDriver, raising=False)
    monkeypatch.setitem(sys.modules, "a_team", module)
    found = [
        EntryPoint(name=name, value=value, group=drivers.ENTRY_POINTS)
        for name, value in (("a-team", "a_team:make"), ("misspelt", "a_team:mak"))
    ]
    monkeypatch.setattr(drivers, "entry_points", lambda **_: EntryPoints(found))


@pytest.mark.usefixtures("_a_teams_own")
def test_a_product_team_plugs_in_its_own_driver() -> None:
    assert driver_of("a-team", {"reason": "closed"}).ask(_request()) == Failed("closed", NOON)


@pytest.mark.usefixtures("_a_teams_own")
def test_an_option_that_a_driver_looks_up_and_does_not_find_is_named() -> None:
    with pytest.raises(BadDriverOptions, match="KeyError: 'reason'"):
        driver_of("a-team", {})


@pytest.mark.usefixtures("_a_teams_own")
def test_a_driver_that_cannot_be_imported_is_unknown() -> None:
    with pytest.raises(UnknownDriver, match="a_team:mak of driver 'misspelt'"):
        driver_of("misspelt", {})


def test_the_built_in_drivers_are_registered_like_those_of_others() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    registered = project["project"]["entry-points"][drivers.ENTRY_POINTS]
    for name in ("simulated", "message"):
        factory = EntryPoint(name, registered[name], drivers.ENTRY_POINTS).load()
        assert factory({}) == driver_of(name, {})
