"""A service of one handler that writes one row and says one message: the bare hop."""

from collections.abc import Sequence

from shared.database import Connection
from shared.messages import Said
from shared.messages.upstream import TopUpReceived
from shared.messages.wallet import WalletDebited
from shared.service import Service


async def top_up_received(top_ups: Sequence[TopUpReceived], db: Connection) -> list[Said]:
    """Write one row and say one message each."""
    await db.execute(
        "insert into hop (top_up_id, amount) select * from unnest($1::text[], $2::bigint[])",
        [top_up.top_up_id for top_up in top_ups],
        [top_up.amount for top_up in top_ups],
    )
    return [
        WalletDebited(
            account_id=top_up.account_id,
            wallet="credit",
            amount=top_up.amount,
            balance=0,
            held=0,
            available=0,
            reason="hop",
            reference=top_up.top_up_id,
        ).because(top_up)
        for top_up in top_ups
    ]


SERVICE = Service(
    name="hop", package="tests.benchmarks.hop_service", handlers={TopUpReceived: top_up_received}
)
