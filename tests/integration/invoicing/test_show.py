"""What invoicing shows: invoices, histories page by page, use, runs."""

from services.invoicing import store
from shared.messages.invoicing import InvoiceRunAccountRequested, MonthRangeDue
from shared.messages.provisioning import ResourceDeleted
from tests.builders import said
from tests.integration.invoicing.house import (
    Invoicing,
    hanoi,
    happened,
    invoices_in,
    month_over,
    of_type,
    paid_item,
    price,
    product,
    provisioned,
    registered,
)

NOVEMBER, TICK = hanoi("2026-11-01 00:00"), hanoi("2026-12-01 00:05")


async def test_an_invoice_is_found_by_its_id_and_by_its_number(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(provisioned(NOVEMBER))
    (issued,) = invoices_in(await invoicing.settle(month_over("2026-11", TICK)))
    async with invoicing.open_database("invoicing") as db:
        by_id = await store.show_invoice(db, issued.invoice_id)
        by_number = await store.show_invoice(db, "2026A-0000001")
        lines = await store.show_lines(db, issued.invoice_id)
        assert await store.show_invoice(db, "2026A-0000002") is None
        assert await store.show_invoice(db, "nothing") is None
    assert by_id == by_number
    assert by_id is not None
    assert (by_id["gross"], by_id["outstanding"], by_id["status"]) == (300_000, 300_000, "unpaid")
    assert [line["amount"] for line in lines] == [300_000]


async def test_histories_have_pages_newest_first(invoicing: Invoicing) -> None:
    await invoicing.hear(registered(), product(), price(300_000))
    await invoicing.hear(
        provisioned(NOVEMBER),
        *(
            provisioned(
                hanoi(f"2026-11-0{day} 12:00"),
                f"pre-{day}",
                user_type="prepaid",
                item=paid_item(day * 100, resource_id=f"pre-{day}", item_id=f"item-{day}"),
                order_id=f"order-{day}",
            )
            for day in (2, 3, 4)
        ),
    )
    await invoicing.settle(month_over("2026-11", TICK))
    async with invoicing.open_database("invoicing") as db:
        first = await store.show_invoices(db, account_id="acc-1", limit=2)
        before = (first[-1]["issued_at"], first[-1]["invoice_id"])
        second = await store.show_invoices(db, account_id="acc-1", before=before, limit=2)
        of_order = await store.show_invoices(db, order_id="order-3")
        of_resource = await store.show_invoices(db, resource_id="res-1")
    assert [one["gross"] for one in (*first, *second)] == [300_000, 400, 300, 200]
    assert [one["gross"] for one in of_order] == [300]
    assert [one["gross"] for one in of_resource] == [300_000]


async def test_a_run_shows_its_progress_and_who_was_left_out(invoicing: Invoicing) -> None:
    await invoicing.hear(registered("a"), registered("b"), product(), price(300_000))
    await invoicing.hear(
        provisioned(NOVEMBER, "res-a", account_id="a"),
        provisioned(NOVEMBER, "res-b", account_id="b", components=[("gpu", 1)]),
        happened(
            ResourceDeleted,
            hanoi("2026-11-11 00:00"),
            2,
            resource_id="res-a",
            account_id="a",
            state="deleted",
        ),
    )
    ranges = await invoicing.hear(month_over("2026-11", TICK))
    async with invoicing.open_database("invoicing") as db:
        assert await store.show_run(db, "2026-10") is None
        begun = await store.show_run(db, "2026-11")
    assert begun is not None
    assert (begun["ranges"], begun["ranges_done"], begun["completed_at"]) == (1, 0, None)
    await invoicing.settle(*of_type(ranges, MonthRangeDue))
    async with invoicing.open_database("invoicing") as db:
        done = await store.show_run(db, "2026-11")
        shut = await store.show_quarantine(db, "2026-11")
        use = await store.show_use(db, "a", NOVEMBER, TICK)
    assert done is not None
    assert done["completed_at"] is not None
    assert (done["ranges_done"], done["invoices"], done["quarantined"]) == (1, 1, 1)
    assert done["totals"] == {"VND": {"invoices": 1, "net": 90_909, "vat": 9_091, "gross": 100_000}}
    assert [(one["account_id"], one["reason"]) for one in shut] == [("b", "no_price")]
    assert [(one["used_from"], one["used_to"]) for one in use] == [
        (NOVEMBER, hanoi("2026-11-11 00:00"))
    ]
    rerun = InvoiceRunAccountRequested(
        period="2026-11", account_id="b", requested_by="operator", reason="price published"
    )
    await invoicing.hear(price(1_000, sku="gpu"))
    answers = await invoicing.settle(said(rerun, at=TICK))
    assert [one.gross for one in invoices_in(answers)] == [1_000]
