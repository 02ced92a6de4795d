"""Three RabbitMQ nodes of our own on this machine, as one cluster."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.servers import Servers, binaries
from tests.servers.guarded import watched
from tests.servers.private import Postgres, RabbitMQ, folder_of_servers

NODES: Final = 3


@contextmanager
def cluster(settings: str) -> Iterator[tuple[Servers, list[RabbitMQ]]]:
    """A cluster and a Postgres while the body runs; its nodes may be killed and started again, and
    have no management API.

    Args:
        settings: more lines of each node's `rabbitmq.conf`.

    Raises:
        ServersMissing: if the binaries are missing and can't be installed.
    """
    found = binaries.find_or_install(broker=True, postgres=True)
    assert found.rabbitmq
    assert found.postgres
    with watched() as guarded:
        folder = folder_of_servers(guarded)
        first = RabbitMQ(
            found.rabbitmq, folder / "rabbitmq-1", guarded, settings=settings, managed=False
        )
        first.launch()
        postgres = Postgres(found.postgres, folder / "postgres", guarded, durable=True)
        postgres.initialize()
        postgres.start()
        others = [
            RabbitMQ(
                found.rabbitmq,
                folder / f"rabbitmq-{number}",
                guarded,
                beside=first,
                settings=settings,
                managed=False,
            )
            for number in range(2, NODES + 1)
        ]
        first.wait()
        for node in others:
            node.launch()
        for node in others:
            node.wait()
        nodes = [first, *others]
        yield (
            Servers(
                amqp_url=",".join(node.url for node in nodes),
                management_url="",
                database_url=postgres.url,
                broker=None,
                postgres=postgres,
            ),
            nodes,
        )
