"""The groups that the portal shows are those that notifications know."""

from services.notifications.domain.notices import NOTICES
from services.notifications.domain.recipients import is_muted
from services.portal.domain.notifications import ALWAYS, MUTABLE, muted_but


def test_the_page_names_every_notice_in_its_group_and_whether_it_may_be_muted() -> None:
    shown = {one: (group, False) for group, notices in MUTABLE.items() for one in notices}
    shown |= {one: (group, True) for group, notices in ALWAYS.items() for one in notices}
    assert shown == {name: (one.group, one.mandatory) for name, one in NOTICES.items()}


def test_muting_all_that_the_page_offers_leaves_what_must_be_told() -> None:
    muted = muted_but(set())
    sent = {name for name, one in NOTICES.items() if not is_muted(one, muted)}
    assert sent == {one for notices in ALWAYS.values() for one in notices}
