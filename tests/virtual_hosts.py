"""RabbitMQ virtual hosts, one for each test, over the broker's management API: a few ms each."""

import base64
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
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


def _ask(servers: Servers, method: str, what: str, body: dict[str, str] | None = None) -> None:
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
        with urlopen(request, timeout=_ANSWER_S):
            pass
    except URLError as error:
        raise RuntimeError(
            f"tests need RabbitMQ's management API at {address.scheme}://{host} ({error});"
            " CLOUDTILL_MANAGEMENT_URL says where it is"
        ) from error
