"""An invoice, a credit note and a statement to try documents with."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from services.portal.documents.values import (
    CreditNoteDocument,
    InvoiceDocument,
    Line,
    Party,
    PaymentLine,
    StatementDocument,
    StatementEntry,
    StatementInvoice,
    StatementPayment,
)
from shared.periods import BillingMonth

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
ISSUED = datetime(2026, 11, 1, 3, 4, tzinfo=UTC)
SELLER = Party(
    name="Công ty Cổ phần Đám Mây Việt",
    address=("182 Lê Đại Hành, Phường 15, Quận 11", "Thành phố Hồ Chí Minh"),
    tax_code="0301234567",
    email="billing@cloud.example",
    phone="+84 28 1234 5678",
    bank="Vietcombank 0071000123456",
)
BUYER = Party(
    name="Nguyễn Thị Ánh",
    address=("12 Trần Phú", "Hà Nội"),
    tax_code="0109876543",
    email="an@example.com",
    account_id="acc-1",
)
IMAGE = Line(
    sku="image",
    description="Ubuntu 24.04, 2 vCPU, 4 GB",
    quantity=Decimal(1),
    unit_price=Decimal(90_000),
    amount=180_000,
    vat=16_364,
    vat_rate=Decimal("0.1"),
    vat_included=True,
    minutes=86_400,
    period_from=datetime(2026, 11, 1, tzinfo=UTC),
    period_to=datetime(2026, 12, 31, tzinfo=UTC),
)
DISK = replace(
    IMAGE,
    sku="disk",
    description="Đĩa SSD 20 GB",
    unit_price=Decimal(35_000),
    amount=70_000,
    vat=6_364,
)
INVOICE = InvoiceDocument(
    invoice_id="inv-1",
    number="2026A-0000001",
    kind="prepaid",
    currency="VND",
    issued_at=ISSUED,
    due_at=None,
    period_from=datetime(2026, 11, 1, tzinfo=UTC),
    period_to=datetime(2026, 12, 31, tzinfo=UTC),
    resource_id="web-24c7",
    resource="web",
    order_id="ord-1",
    seller=SELLER,
    buyer=BUYER,
    lines=(IMAGE, DISK),
    discount=20_000,
    net=209_091,
    vat=20_909,
    gross=230_000,
    payments=(PaymentLine("payment-ord-1", ISSUED, "credit", 230_000),),
    credits=(),
    zone=ZONE,
)
"""The first example of domain 6."""
UNPAID = replace(
    INVOICE,
    kind="usage",
    order_id=None,
    due_at=datetime(2026, 11, 16, 3, 4, tzinfo=UTC),
    payments=(),
    discount=0,
    net=227_272,
    vat=22_728,
    gross=250_000,
)
CREDIT_NOTE = CreditNoteDocument(
    number="2026A-0000001-C1",
    invoice_number="2026A-0000001",
    invoice_issued_at=ISSUED,
    currency="VND",
    at=datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
    reason="Dịch vụ gián đoạn ngày 12/11",
    seller=SELLER,
    buyer=BUYER,
    net=45_455,
    vat=4_545,
    amount=50_000,
    vat_rate=Decimal("0.1"),
    given_back=50_000,
    zone=ZONE,
)
STATEMENT = StatementDocument(
    month=BillingMonth(2026, 11),
    made_at=datetime(2026, 11, 30, 17, 0, tzinfo=UTC),
    currency="VND",
    seller=SELLER,
    buyer=BUYER,
    invoices=(
        StatementInvoice("2026A-0000001", ISSUED, "web", 209_091, 20_909, 230_000, 230_000, 0),
        StatementInvoice(
            "2026A-0000002", ISSUED, "shop", 227_272, 22_728, 250_000, 100_000, 50_000
        ),
    ),
    payments=(
        StatementPayment("payment-ord-1", ISSUED, "credit", 230_000, "ord-1"),
        StatementPayment("pay-2", ISSUED, "recorded", 100_000, "2026A-0000002"),
    ),
    opening_balance=0,
    entries=(
        StatementEntry(datetime(2026, 11, 1, 3, 0, tzinfo=UTC), "top_up", 500_000, 500_000),
        StatementEntry(ISSUED, "order", -230_000, 270_000),
    ),
    zone=ZONE,
)
