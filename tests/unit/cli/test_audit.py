"""What the audit's SQL names, and the code knows too."""

import re

from services.cli.audit import STATEMENTS
from services.registry import SCHEMAS
from shared.messages.dead_letters import TOLD_OF_LETTERS


def test_the_letters_that_the_portal_shows_are_compared_with_those_of_every_service() -> None:
    (statement,) = (one["letters_are_shown"] for one in STATEMENTS if "letters_are_shown" in one)
    compared = re.findall(r"select '(\w+)' as service, .* from (\w+)\.dead_letter", statement)
    assert compared == [(service.name, service.name) for service in SCHEMAS]
    untold = set(re.findall(r"'(dead_letter\.\w+)'", statement))
    assert untold == {message.type for message in TOLD_OF_LETTERS}
