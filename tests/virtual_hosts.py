"""RabbitMQ virtual hosts, one for each test, over the broker's management API: a few ms each."""

import base64
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from tests.servers import Servers

_ANSWER_S: Final = 30


@contextmanager
def virtual_host(servers: Servers) -> Iterator[str]:
    """The amqp:// URL of a virtual host of its own; it goes with all its queues and connections."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    address = urlsplit(servers.amqp_url)
    user = address.username or "guest"
    _ask(servers, "PUT", f"vhosts/{name}")
    try:
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        _ask(servers, "PUT", f"permissions/{name}/{user}", everything)
        yield address._replace(path=f"/{name}").geturl()
    finally:
        _ask(servers, "DELETE", f"vhosts/{name}")


@contextmanager
def limited(servers: Servers, amqp_url: str, queues: str, length: int) -> Iterator[None]:
    """While the body runs, queues of a test's own virtual host take only so many messages.

    Args:
        queues: a pattern that their names match.
        length: how many.
    """
    policy = f"policies/{urlsplit(amqp_url).path[1:]}/limited"
    _ask(servers, "PUT", policy, {"pattern": queues, "definition": {"max-length": length}})
    try:
        yield
    finally:
        _ask(servers, "DELETE", policy)


def is_anybody_in(servers: Servers, amqp_url: str) -> bool:
    """Whether a virtual host has connections; as they are tracked, and not as seconds ago."""
    host = urlsplit(amqp_url).path[1:]
    connections = _ask(servers, "GET", "connections?disable_stats=true")
    return any(one["vhost"] == host for one in connections)


def _ask(servers: Servers, method: str, what: str, body: Mapping[str, object] | None = None) -> Any:
    address = urlsplit(servers.management_url)
    login, _, host = address.netloc.rpartition("@")
    request = Request(
        f"{address.scheme}://{host}/api/{what}",
        method=method,
        data=json.dumps(body or {}).encode(),
        headers={
            "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urlopen(request, timeout=_ANSWER_S) as answer:
            text = answer.read()
            return json.loads(text) if text else None
    except URLError as error:
        raise RuntimeError(
            f"tests need RabbitMQ's management API at {address.scheme}://{host} ({error});"
            " CLOUDTILL_MANAGEMENT_URL says where it is"
        ) from error
