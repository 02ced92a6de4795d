"""Users are told by mail what happened to them, with real workers and a real mail server."""

from collections import Counter
from collections.abc import Iterator

import pytest

from services.registry import SERVICES
from shared.messages.notifications import (
    NotificationFailed,
    NotificationRequested,
    NotificationSent,
)
from tests.builders import said
from tests.integration.notifications.post_office import PostOffice, post_office
from tests.system.house import House
from tests.system.shop import assert_audit_is_clean, catalogue, customer, fetch, order, server

IMPATIENT = {"mail_lease_s": "3", "mail_longest_pause_s": "0.2"}


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """A mail server."""
    with post_office() as office:
        yield office


def welcome(id: str = "n-1") -> NotificationRequested:
    """A notice of one's own."""
    facts = {"payment_id": id, "amount": 250_000}
    return said(
        NotificationRequested(account_id="acc-1", template="payment_confirmed", facts=facts), id=id
    )


async def test_a_customer_is_mailed_each_thing_that_happened_once(
    house: House, office: PostOffice
) -> None:
    house.start(smtp_url=office.url, **IMPATIENT)
    await house.publish(*catalogue(), *customer(credit=500_000))
    await house.publish(order("ord-1", [server("web", "image", "disk")]))
    await house.wait_for(NotificationSent, lambda sent: sent.template == "resource_created")
    await house.wait_for(NotificationSent, lambda sent: sent.template == "payment_confirmed")
    await house.wait_until_idle()
    asked = house.heard(NotificationRequested)
    subjects = Counter(str(letter.message["Subject"]) for letter in office.taken)
    assert subjects["Your payment of 250,000 VND succeeded"] == 1
    assert len(office.taken) == len(asked) == len(house.heard(NotificationSent))
    assert house.heard(NotificationFailed) == []
    await assert_audit_is_clean(house)


async def test_a_notice_that_comes_twice_is_one_mail(house: House, office: PostOffice) -> None:
    house.start(smtp_url=office.url, **IMPATIENT)
    await house.publish(*customer())
    await house.publish(welcome(), welcome(), welcome("n-2"))
    await house.publish(welcome())
    await house.wait_for(NotificationSent, lambda sent: sent.envelope.causation_id == "n-1")
    await house.wait_for(NotificationSent, lambda sent: sent.envelope.causation_id == "n-2")
    await house.wait_until_idle()
    assert len(office.taken) == 2
    await assert_audit_is_clean(house)


async def test_a_worker_killed_between_the_mail_and_its_commit_leaves_one_double_known_as_one(
    house: House, office: PostOffice
) -> None:
    house.start(*(SERVICES.keys() - {"notifications"}))
    dying = house.start("notifications", die_at="sent", smtp_url=office.url, **IMPATIENT)
    await house.publish(*customer())
    await house.publish(welcome())
    assert await dying.wait_for_end() == -9
    assert len(office.taken) == 1
    assert house.heard(NotificationSent) == []
    house.start("notifications", smtp_url=office.url, **IMPATIENT)
    await house.wait_for(NotificationSent)
    await house.wait_until_idle()
    first, second = office.taken
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.content == second.content
    assert len(house.heard(NotificationSent)) == 1
    await assert_audit_is_clean(house)


@pytest.mark.parametrize("step", ["handled", "committed"])
async def test_a_worker_killed_before_the_mail_leaves_it_to_the_next(
    house: House, office: PostOffice, step: str
) -> None:
    died = f"{step}:notification.requested"
    dying = house.start("notifications", die_at=died, smtp_url=office.url, **IMPATIENT)
    await house.publish(*customer())
    await house.publish(welcome())
    assert await dying.wait_for_end() == -9
    house.start("notifications", smtp_url=office.url, **IMPATIENT)
    await house.wait_for(NotificationSent)
    assert len({letter.content for letter in office.taken}) == 1
    assert await fetch(house, "select outcome from notifications.notice_outcome") == [("sent",)]
