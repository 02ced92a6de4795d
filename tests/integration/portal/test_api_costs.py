"""Costs and notification preferences at the API."""

from services.portal.domain.costs import forecast
from shared.messages.upstream import NotificationPreferencesSet
from tests.builders import NOON
from tests.integration.portal import scenery, story
from tests.integration.portal.conftest import Office
from tests.integration.portal.programs import program
from tests.integration.portal.story import ACCOUNT, DAY


async def test_costs_add_up_by_month_product_and_resource(office: Office) -> None:
    await office.hear(*story.whole_life(), *scenery.months())
    office.now = NOON
    mine = await program(office, ACCOUNT)
    told = await mine.get("/costs", months=3)
    assert [one["period"] for one in told["months"]] == ["2026-09", "2026-10", "2026-11"]
    total = sum(one["gross"] for one in told["months"])
    assert total == sum(one["gross"] for one in told["products"]) > 0
    assert total == sum(one["gross"] for one in told["resources"])
    for month in told["months"]:
        assert month["gross"] == sum(one["gross"] for one in month["products"])
    # 90,000 twice, less a credit note of 10,000.
    assert told["months"][-1]["gross"] == told["forecast"]["invoiced"] == 170_000
    assert told["forecast"]["used"] == 90_000
    assert told["forecast"]["expected"] > 260_000
    assert told["currency"] == "VND"


async def test_costs_of_nothing_are_nothing(office: Office) -> None:
    await office.hear(story.registered())
    mine = await program(office, ACCOUNT)
    told = await mine.get("/costs")
    assert len(told["months"]) == 12
    assert (told["products"], told["resources"]) == ([], [])
    assert told["forecast"] == {
        "period": "2026-11",
        "invoiced": 0,
        "used": 0,
        "used_until": None,
        "expected": 0,
        "next_month": None,
    }


def test_a_forecast_takes_the_mean_of_months_that_cost_something_and_are_over() -> None:
    made = forecast([0, 0, 300, 100, 50], 10, NOON, NOON + 10 * DAY, NOON + 30 * DAY)
    assert (made.invoiced, made.expected, made.next_month) == (50, 80, 200)


async def test_a_program_reads_and_sets_what_is_told(office: Office) -> None:
    await office.hear(*story.whole_life())
    mine = await program(office, ACCOUNT)
    told = await mine.get("/notification-preferences")
    assert (told["muted"], told["language"]) == (["payments"], "vi")
    states = {one["email"]: one["state"] for one in told["recipients"]}
    assert states == {"boss@example.com": "agreed", "books@example.com": "waiting"}
    office.later(minutes=1)
    wish = {"muted": ["resources"], "recipients": ["boss@example.com"], "language": "en"}
    answer = await mine.ask("PUT", "/notification-preferences", wish)
    assert answer.status_code == 202, answer.text
    (message,) = await office.said()
    assert isinstance(message, NotificationPreferencesSet)
    assert (message.muted, message.recipients) == (("resources",), ("boss@example.com",))
    told = await mine.get("/notification-preferences")
    assert (told["muted"], told["language"]) == (["resources"], "en")
    assert [one["email"] for one in told["recipients"]] == ["boss@example.com"]


async def test_what_must_be_told_can_not_be_muted(office: Office) -> None:
    await office.hear(story.registered())
    mine = await program(office, ACCOUNT)
    for wrong in ({"muted": ["account"]}, {"recipients": ["nobody"]}, {"mute": ["payments"]}):
        answer = await mine.ask("PUT", "/notification-preferences", wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body"), wrong
    assert await office.said() == []
