"""Messages that an earlier release published, handled by the workers of this one."""

from services.registry import SERVICES
from shared.wire import parse
from tests.samples import FOLDER
from tests.system.house import House
from tests.system.shop import fetch

UNREADABLE = {"not_json", "not_cloudevent", "unknown_type", "bad_field", "too_large", "unreadable"}


async def test_what_was_once_published_is_read_and_finds_no_bug_in_any_handler(
    house: House,
) -> None:
    handled = {message for service in SERVICES.values() for message in service.handlers}
    samples = [
        parse(file.read_text().replace('"sample-1"', f'"sample-of-{file.stem}"').encode())
        for file in sorted(FOLDER.glob("*.json"))
    ]
    assert len({one.envelope.id for one in samples}) == len(samples), "none hides another"
    worker = house.start(retry_delays_s="[0.1,0.2]", reference_wait_s="0")
    await house.publish(*(one for one in samples if type(one) in handled))
    await house.wait_until_idle()
    log = worker.log.read_text()
    assert "handler failed" not in log
    assert "parser failed" not in log
    for service in SERVICES:
        reasons = await fetch(
            house, f"select distinct reason from {service}.dead_letter where concluded_at is null"
        )
        assert not {reason for (reason,) in reasons} & UNREADABLE
