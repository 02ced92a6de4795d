"""Proofs of concept on pages (domain 9): what pays for them, what is left, and when it ends."""

from services.portal.customer.wishes import METHODS, methods
from tests.integration.portal import scenery, story
from tests.integration.portal.conftest import Office
from tests.integration.portal.story import ACCOUNT
from tests.integration.portal.test_support import staff

_ROOT = f"/accounts/{ACCOUNT}"


async def test_a_customer_sees_what_a_trial_pays_for_what_is_left_and_when_it_ends(
    office: Office,
) -> None:
    await office.hear(*story.whole_life(), *scenery.trial())
    browser = await office.customer(ACCOUNT)
    await browser.open(_ROOT)
    assert "₫640,000 until 2 Dec 2026" in browser.text
    await browser.open(f"{_ROOT}/wallet?wallet=poc")
    assert "Ends 2 Dec 2026" in browser.text
    assert "trial of a cluster until 14 Nov 2026" in browser.text
    await browser.open(f"{_ROOT}/resources/vm-trial")
    assert "paid from its wallet, never invoiced" in browser.text
    assert "auto-renewal" not in browser.page, "a trial is not renewed by itself"


async def test_a_trial_is_paid_from_its_wallet_alone_and_nothing_else_is(office: Office) -> None:
    await office.hear(*story.whole_life(), *scenery.trial())
    browser = await office.customer(ACCOUNT)
    for path, offered in (
        ("/resources/vm-trial/renew", ["poc"]),
        ("/resources/vm-1/renew", [*METHODS]),
        ("/resources/new", [*METHODS, "poc"]),
    ):
        await browser.open(_ROOT + path)
        assert [one for one in (*METHODS, "poc") if f'value="{one}"' in browser.page] == offered
    await browser.open(f"{_ROOT}/resources/match")
    assert "trial of a cluster" not in browser.text


def test_a_trial_has_one_way_to_pay() -> None:
    assert methods("renew", on_trial=True, has_trial=True) == ("poc",)
    assert methods("recover", on_trial=False, has_trial=True) == METHODS
    assert methods("create", on_trial=False, has_trial=False) == METHODS


async def test_support_sees_which_resources_are_trials(office: Office) -> None:
    await office.hear(*story.whole_life(), *scenery.trial())
    browser = await staff(office)
    await browser.open(f"/support/accounts/{ACCOUNT}")
    assert "Active Proof of concept" in browser.text
    assert "₫640,000" in browser.text
