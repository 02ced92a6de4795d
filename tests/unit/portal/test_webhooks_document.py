"""What the document for receivers says is true: its example verifies what we sign."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import pytest

from services.portal.webhooks.signing import new_secret, signed_headers

DOCUMENT = Path(__file__).parents[3] / "docs" / "webhooks.md"
BODY = '{"name":"Nguyễn"}'.encode()
Verify = Callable[[str, Mapping[str, str], bytes, float], bool]


@pytest.fixture(scope="module")
def is_genuine() -> Verify:
    """The example's function, as receivers copy it."""
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    namespace: dict[str, object] = {}
    exec(compile(example, str(DOCUMENT), "exec"), namespace)  # noqa: S102 - it is our document
    return cast(Verify, namespace["is_genuine"])


def test_the_example_takes_what_we_sign_also_while_the_secret_changes(is_genuine: Verify) -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers("evt_1", 1_000_000, BODY, [new, old])
    assert is_genuine(new, headers, BODY, 1_000_010)
    assert is_genuine(old, headers, BODY, 1_000_010)


def test_the_example_takes_nothing_else(is_genuine: Verify) -> None:
    secret = new_secret()
    headers = signed_headers("evt_1", 1_000_000, BODY, [secret])
    assert not is_genuine(new_secret(), headers, BODY, 1_000_010)
    assert not is_genuine(secret, headers, BODY + b" ", 1_000_010)
    assert not is_genuine(secret, headers | {"webhook-id": "evt_2"}, BODY, 1_000_010)
    assert not is_genuine(secret, headers | {"webhook-timestamp": "1000001"}, BODY, 1_000_010)
    assert not is_genuine(secret, headers, BODY, 1_000_301)
    assert not is_genuine(secret, headers | {"webhook-timestamp": "x"}, BODY, 1_000_010)


def test_signatures_are_those_of_standard_webhooks() -> None:
    """Its own example (standardwebhooks.com, the specification's reference libraries)."""
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
