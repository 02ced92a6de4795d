"""Resources and their use: which events were applied, segments, corrections."""

from collections import Counter
from collections.abc import Collection, Iterable

from services.invoicing.domain.usage import Adjustment, Resource, Segment
from shared.database import Connection, Row
from shared.messages.items import Component
from shared.sql import Statements

sql = Statements("services.invoicing.store", "usage.sql")


async def lock_resources(db: Connection, resource_ids: Collection[str]) -> dict[str, Resource]:
    """Those of these resources that are known, each with the segment that it is running in."""
    rows = await db.fetch(sql.lock_resources, sorted(resource_ids))
    return {row["resource_id"]: _resource(row) for row in rows}


def _resource(row: Row) -> Resource:
    segment = None
    if row["segment_version"] is not None:
        segment = Segment(
            account_id=row["account_id"],
            resource_id=row["resource_id"],
            version=row["segment_version"],
            product=row["product"],
            components=tuple(
                Component(sku=sku, quantity=quantity)
                for sku, quantity in zip(row["skus"], row["quantities"], strict=True)
            ),
            discount_rate=row["segment_discount_rate"],
            started_at=row["started_at"],
        )
    return Resource(
        resource_id=row["resource_id"],
        account_id=row["account_id"],
        product=row["product"],
        name=row["name"],
        version=row["version"],
        order_id=row["order_id"],
        item_id=row["item_id"],
        discount_rate=row["discount_rate"],
        ends_at=row["ends_at"],
        open_segment=segment,
        poc=row["poc"],
    )


async def save_resources(db: Connection, resources: Collection[Resource]) -> None:
    """Keep resources as their last events left them."""
    ordered = sorted(resources, key=lambda one: one.resource_id)
    await db.execute(
        sql.save_resources,
        [one.resource_id for one in ordered],
        [one.account_id for one in ordered],
        [one.product for one in ordered],
        [one.name for one in ordered],
        [one.version for one in ordered],
        [one.order_id for one in ordered],
        [one.item_id for one in ordered],
        [one.discount_rate for one in ordered],
        [one.ends_at for one in ordered],
        [one.poc for one in ordered],
    )


async def end_segments(db: Connection, segments: Collection[Segment]) -> None:
    """Note when use ended, for segments that are kept already."""
    if segments:
        await db.execute(
            sql.end_segments,
            [one.account_id for one in segments],
            [one.resource_id for one in segments],
            [one.version for one in segments],
            [one.ended_at for one in segments],
        )


async def append_segments(db: Connection, segments: Collection[Segment]) -> None:
    """Keep segments that began, and that may have ended again."""
    if not segments:
        return
    components = [
        (place, component)
        for place, segment in enumerate(segments, start=1)
        for component in segment.components
    ]
    await db.execute(
        sql.append_segments,
        [one.account_id for one in segments],
        [one.resource_id for one in segments],
        [one.version for one in segments],
        [one.product for one in segments],
        [one.discount_rate for one in segments],
        [one.started_at for one in segments],
        [one.ended_at for one in segments],
        [place for place, _ in components],
        [component.sku for _, component in components],
        [component.quantity for _, component in components],
    )


async def append_adjustments(db: Connection, adjustments: Iterable[Adjustment]) -> None:
    """Keep corrections of invoiced months for the next month's run."""
    ordered = list(adjustments)
    if not ordered:
        return
    count: Counter[tuple[str, int]] = Counter()
    positions: list[int] = []
    for one in ordered:
        positions.append(count[one.resource_id, one.version])
        count[one.resource_id, one.version] += 1
    await db.execute(
        sql.append_adjustments,
        [one.account_id for one in ordered],
        [one.resource_id for one in ordered],
        [one.version for one in ordered],
        positions,
        [str(one.period) for one in ordered],
        [str(one.month) for one in ordered],
        [one.sign for one in ordered],
        [one.product for one in ordered],
        [one.component.sku for one in ordered],
        [one.component.quantity for one in ordered],
        [one.discount_rate for one in ordered],
        [one.period_from for one in ordered],
        [one.period_to for one in ordered],
    )
