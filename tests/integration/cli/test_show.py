"""What support sees of a house that has played everything."""

from pathlib import Path
from typing import Any

import pytest

from services.cli.lookups import FINDERS
from services.cli.pages import Page
from shared.database import Connection
from shared.periods import BillingMonth
from tests.program import Cloudtill, program


@pytest.fixture
def cloudtill(
    played_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cloudtill:
    """The program before the played database."""
    return program(monkeypatch, capsys, database_url=played_url)


def test_an_account_is_shown_with_all_that_it_has(cloudtill: Cloudtill) -> None:
    shown = cloudtill("show", "account", "an", "--json").json
    assert (shown["account_id"], shown["user_type"]) == ("an", "prepaid")
    assert [one["balance"] for one in shown["wallets"]] == [1_680_000]
    assert {one["order_id"] for one in shown["orders"]} == {"ord-web", "ord-two", "ord-del"}
    assert {one["resource_id"] for one in shown["resources"]} == {"web", "good", "worse"}
    assert len(shown["payments"]) == 2
    assert len(shown["invoices"]) == 2
    assert {one["outcome"] for one in shown["notices"]} == {"waiting"}
    assert {"resource_created", "provisioning_failed"} <= {
        one["template"] for one in shown["notices"]
    }


def test_an_order_is_shown_with_how_each_item_ended(cloudtill: Cloudtill) -> None:
    shown = cloudtill("show", "order", "ord-two", "--json").json
    assert shown["state"] == "partially_completed"
    assert [(one["item_id"], one["outcome"], one["refunded"]) for one in shown["items"]] == [
        ("good", "done", None),
        ("worse", "failed", 100_000),
    ]
    assert [one["amount"] for one in shown["refunds"]] == [100_000]
    assert [one["gross"] for one in shown["invoices"]] == [180_000]


def test_a_resource_is_shown_with_its_configuration_readable(cloudtill: Cloudtill) -> None:
    shown = cloudtill("show", "resource", "web", "--json").json
    assert shown["components"] == [
        {"sku": "image", "quantity": "1"},
        {"sku": "disk", "quantity": "1"},
    ]
    assert [one["paid"] for one in shown["term"]] == [230_000]
    assert "image x 1, disk x 1" in cloudtill("show", "resource", "web").out


def test_a_postpaid_resource_is_shown_with_its_use(cloudtill: Cloudtill) -> None:
    shown = cloudtill("show", "resource", "extra", "--json").json
    (stretch,) = shown["usage"]
    assert stretch["started_at"] == "2026-10-03T00:00:00+00:00"
    assert stretch["components"] == [{"sku": "disk", "quantity": "1"}]
    assert [one["action"] for one in shown["requests"]] == ["create", "delete"]


def test_a_payment_is_shown_with_how_it_ended(cloudtill: Cloudtill) -> None:
    shown = cloudtill("show", "payment", "payment-ord-poor", "--json").json
    assert (shown["state"], shown["reason"]) == ("failed", "insufficient_credit")


def test_an_invoice_is_shown_by_its_id_or_its_number(cloudtill: Cloudtill) -> None:
    (listed, *_) = cloudtill("show", "invoices", "gate", "--json").json["invoices"]
    by_id = cloudtill("show", "invoice", listed["invoice_id"], "--json").json
    assert cloudtill("show", "invoice", listed["number"], "--json").json == by_id
    assert [one["amount"] for one in by_id["lines"]] == [180_000]


def test_a_run_is_shown_with_its_totals_by_currency(cloudtill: Cloudtill) -> None:
    shown = cloudtill("show", "run", "2026-10", "--json").json
    assert (shown["invoices"], shown["quarantined"]) == (2, 0)
    (total,) = shown["totals"]
    assert (total["currency"], total["invoices"]) == ("VND", 2)
    assert total["net"] + total["vat"] == total["gross"]
    assert "{" not in cloudtill("show", "run", "2026-10").out


def test_a_completed_run_has_its_close_report(cloudtill: Cloudtill) -> None:
    shown = cloudtill("show", "run", "2026-10", "--json").json
    (report,) = shown["close_report"]
    (total,) = shown["closed_totals"]
    assert (report["revision"], report["quarantined"]) == (1, 0)
    assert report["resources"] == report["invoices"] == total["invoices"] == shown["invoices"]
    assert total["gross"] == total["net"] + total["vat"] == shown["totals"][0]["gross"]
    assert len(report["checksum"]) == 15
    assert (shown["ranges_in_hand"], shown["in_hand"]) == (0, [])


def test_each_line_of_every_invoice_is_derived_again_in_words(cloudtill: Cloudtill) -> None:
    accounts = ("an", "chi", "gate", "top")
    shown = [cloudtill("show", "invoices", one, "--json").json["invoices"] for one in accounts]
    kinds = set()
    for invoice in (one for some in shown for one in some):
        answer = cloudtill("show", "invoice", invoice["number"], "--explain", "--json")
        assert answer.code == 0, answer.err
        assert len(answer.json["explanations"]) == len(answer.json["lines"]) > 0
        kinds.add(invoice["kind"])
    assert kinds >= {"prepaid", "usage"}


def test_every_invoice_can_be_written_as_pdf_and_as_ubl(
    cloudtill: Cloudtill, tmp_path: Path
) -> None:
    numbers = [
        one["number"]
        for account in ("an", "chi")
        for one in cloudtill("show", "invoices", account, "--json").json["invoices"]
    ]
    assert len(numbers) > 3
    for number in numbers:
        pdf, ubl = tmp_path / f"{number}.pdf", tmp_path / f"{number}.xml"
        answer = cloudtill(
            *("show", "invoice", number, "--pdf", str(pdf), "--ubl", str(ubl)),
            *("--language", "vi"),
        )
        assert answer.code == 0, answer.err
        assert pdf.read_bytes().startswith(b"%PDF-")
        assert f"<cbc:ID>{number}</cbc:ID>" in ubl.read_text()


def test_a_paid_invoice_is_written_as_paid(cloudtill: Cloudtill, tmp_path: Path) -> None:
    ubl = tmp_path / "invoice.xml"
    (invoice, *_) = cloudtill("show", "order", "ord-two", "--json").json["invoices"]
    cloudtill("show", "invoice", invoice["invoice_id"], "--ubl", str(ubl))
    assert '<cbc:PrepaidAmount currencyID="VND">180000</cbc:PrepaidAmount>' in ubl.read_text()
    assert '<cbc:PayableAmount currencyID="VND">0</cbc:PayableAmount>' in ubl.read_text()


def test_a_document_that_there_is_not_is_said_in_one_line(
    cloudtill: Cloudtill, tmp_path: Path
) -> None:
    path = str(tmp_path / "invoice.pdf")
    assert "no invoice nobody" in cloudtill("show", "invoice", "nobody", "--pdf", path).complaint
    assert "are for an invoice" in cloudtill("show", "account", "an", "--pdf", path).complaint
    answer = cloudtill("show", "invoice", "nobody", "--pdf", path, "--language", "fr")
    assert (answer.code, "none of en, vi" in answer.complaint) == (2, True)


def test_only_invoices_are_explained(cloudtill: Cloudtill) -> None:
    answer = cloudtill("show", "account", "an", "--explain")
    assert answer.code == 2
    assert "--explain is for an invoice" in answer.complaint


def test_use_of_a_month_is_shown_up_to_its_end(cloudtill: Cloudtill) -> None:
    shown = cloudtill("show", "usage", "chi", "--period", "2026-10", "--json").json
    assert {one["resource_id"]: one["used_to"] for one in shown["usage"]} == {
        "extra": "2026-10-20T00:00:00+00:00",
        "shop": "2026-10-31T17:00:00+00:00",
    }
    later = cloudtill("show", "usage", "chi", "--period", "2026-11", "--json").json
    assert [one["resource_id"] for one in later["usage"]] == ["shop"]


@pytest.mark.parametrize(
    ("what", "rows", "id_"),
    [
        ("orders", "orders", "order_id"),
        ("payments", "payments", "payment_id"),
        ("invoices", "invoices", "invoice_id"),
        ("resources", "resources", "resource_id"),
        ("wallet", "credit_history", "position"),
    ],
)
@pytest.mark.parametrize("limit", [1, 2])
def test_pages_follow_each_other_to_the_last_without_gap_or_repeat(
    cloudtill: Cloudtill, what: str, rows: str, id_: str, limit: int
) -> None:
    everything = cloudtill("show", what, "an", "--json").json
    assert everything["next_page"] is None
    seen: list[Any] = []
    after: list[str] = []
    while True:
        page = cloudtill("show", what, "an", "--limit", str(limit), "--json", *after).json
        assert 0 < len(page[rows]) <= limit
        seen += page[rows]
        if page["next_page"] is None:
            break
        after = ["--page", page["next_page"]]
    assert seen == everything[rows]
    assert len({one[id_] for one in seen}) == len(seen) > 1


@pytest.mark.parametrize(
    ("what", "token"),
    [("orders", "x~y"), ("orders", "2026-01-01~ord-1"), ("wallet", "9" * 30), ("wallet", "x")],
)
def test_a_token_of_no_page_is_refused(cloudtill: Cloudtill, what: str, token: str) -> None:
    answer = cloudtill("show", what, "an", "--page", token)
    assert answer.code == 2
    assert token in answer.complaint


def test_a_page_says_how_the_next_is_shown(cloudtill: Cloudtill) -> None:
    shown = cloudtill("show", "orders", "an", "--limit", "1").out
    (following,) = [line for line in shown.splitlines() if line.startswith("more: ")]
    assert following.startswith("more: cloudtill show orders an --limit 1 --page ")


def test_an_empty_list_says_so(cloudtill: Cloudtill) -> None:
    assert "Payments: none" in cloudtill("show", "payments", "poor").out
    assert cloudtill("show", "payments", "poor", "--json").json["payments"] == []


@pytest.mark.parametrize(
    "what",
    ["account", "order", "resource", "payment", "wallet", "invoice", "run", "usage", "orders"],
)
def test_what_does_not_exist_is_said_in_one_line(cloudtill: Cloudtill, what: str) -> None:
    answer = cloudtill("show", what, "nobody")
    assert answer.code == 1
    assert "nobody" in answer.complaint


def test_the_audit_answers_scripts_with_json(cloudtill: Cloudtill) -> None:
    answer = cloudtill("audit", "--settle", "0", "--json")
    assert (answer.code, answer.err) == (0, "")
    assert answer.json["ok"] is True
    assert all(check["wrong"] == [] for check in answer.json["checks"])


def test_nothing_is_coloured_where_nobody_looks(cloudtill: Cloudtill) -> None:
    assert "\x1b" not in cloudtill("audit").out
    assert "\x1b" not in cloudtill("show", "account", "an").out


def test_the_dead_letters_of_all_services_are_listed(cloudtill: Cloudtill) -> None:
    (letter,) = cloudtill("dead", "list", "--json").json
    assert (letter["id"], letter["reason"]) == ("nonsense", "unknown_invoice")
    shown = cloudtill("dead", "show", letter["name"], "--json").json
    assert '"no-such-invoice"' in shown["body"]
    assert shown["properties"]["message_id"] == "nonsense"
    assert "no-such-invoice" in cloudtill("dead", "show", letter["name"]).out


def test_a_proof_of_concept_is_shown_with_its_wallet_and_what_it_is(cloudtill: Cloudtill) -> None:
    wallets = cloudtill("show", "wallet", "pia", "--json").json
    poc = next(one for one in wallets["wallets"] if one["wallet"] == "poc")
    assert (poc["balance"], poc["ends_at"][:10]) == (630_000, "2027-01-01")
    kinds = [(one["reason"], one["amount"]) for one in wallets["poc_history"]]
    assert kinds[0] == ("poc_stopped", 90_000)
    assert kinds[-1] == ("poc_granted", 900_000)
    assert cloudtill("show", "resource", "trial", "--json").json["poc"] == "running"
    assert cloudtill("show", "resource", "tried", "--json").json["poc"] == "ended"
    order = cloudtill("show", "order", "trial", "--json").json
    assert (order["payment_method"], order["items"][0]["poc"]) == ("poc", "running")
    assert order["invoices"] == []


def test_a_hold_is_shown_with_what_was_decided_on_it(cloudtill: Cloudtill) -> None:
    shown = cloudtill("show", "resource", "nodes", "--json").json
    (hold,) = shown["hold"]
    assert (hold["answer"], hold["suspension"]) == ("held", None)
    decisions = [one["decision"] for one in reversed(shown["hold_changes"])]
    assert decisions[0] == "held"
    assert decisions[-2:] == ["captured", "held"], "November's invoice, and December's hold"
    (held,) = cloudtill("show", "wallet", "kim", "--json").json["holds"]
    assert (held["hold_id"], held["amount"]) == ("nodes", hold["asked"])
    (invoice,) = shown["invoices"]
    assert invoice["status"] == "paid"


async def test_an_order_shows_what_of_it_is_put_off(played: Connection) -> None:
    page = Page(20, None, BillingMonth.parse("2026-10"))
    await played.execute("""
        insert into provisioning.outbox (exchange, routing_key, message_id, type, correlation_id,
                                         attempt, must_arrive, body, due_at, reason)
        values ('cloudtill.own', 'provisioning', 'm-1', 'payment.confirmed', 'ord-two', 3, true,
                '', '2026-11-01 00:00Z', 'unknown_product'),
               ('cloudtill', 'payment.confirmed', 'm-2', 'payment.confirmed', 'ord-two', 0, true,
                '', '2026-11-01 00:00Z', null)
    """)
    shown = await FINDERS["order"](played, "ord-two", page)
    assert shown
    (put_off,) = shown.lists["put off"]
    assert (put_off["service"], put_off["type"]) == ("provisioning", "payment.confirmed")
    assert (put_off["message_id"], put_off["attempt"]) == ("m-1", 3)
    assert put_off["reason"] == "unknown_product"
