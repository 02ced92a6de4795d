"""What documents say in each language, and how they write numbers and times."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_decimal

from services.portal.documents.values import Language
from shared.money import currency
from shared.periods import BillingMonth

_MINUS: Final = "\N{MINUS SIGN}"
_SPACE: Final = "\N{NO-BREAK SPACE}"

ENGLISH: Final[Mapping[str, str]] = {
    "account": "Account",
    "amount": "Amount",
    "balance": "Balance",
    "bank": "Transfer to",
    "billed_to": "Billed to",
    "closing": "Balance at the end",
    "coupon": "Coupon",
    "credit_note": "Credit note",
    "credit_notes": "Credit notes",
    "credited": "Credited",
    "date": "Date",
    "description": "Description",
    "due_at": "Due on",
    "given_back": "Given back as credit",
    "gross": "Total",
    "invoice": "Invoice",
    "invoices": "Invoices of the month",
    "issued_at": "Issued on",
    "list_price": "list price",
    "made_at": "As of",
    "method": "Paid with",
    "minutes": "minutes",
    "month": "Month",
    "movement": "Movement",
    "net": "Net",
    "none": "None in this month",
    "number": "Number",
    "of_invoice": "Corrects invoice",
    "off": "off",
    "opening": "Balance at the beginning",
    "order": "Order",
    "outstanding": "Outstanding",
    "page": "Page",
    "page_of": "of",
    "paid": "Paid",
    "paid_for": "For",
    "payment": "Payment",
    "payments": "Payments",
    "period": "Period",
    "phone": "Telephone",
    "quantity": "Quantity",
    "rate": "VAT rate",
    "reason": "Reason",
    "resource": "Resource",
    "statement": "Monthly statement",
    "subtotal": "Sum of the lines",
    "tax_code": "Tax code",
    "total": "Total",
    "correction": "correction of",
    "vat": "VAT",
    "vat_excluded": "without VAT",
    "vat_included": "with VAT",
    "vat_summary": "VAT summary",
    "wallet": "Credit wallet",
    "status_paid": "Paid",
    "status_partially_paid": "Partially paid",
    "status_unpaid": "Unpaid",
    "method_credit": "credit",
    "method_gateway": "payment gateway",
    "method_on_behalf": "payment link",
    "method_order": "with its order",
    "method_poc": "POC wallet",
    "method_recorded": "bank transfer",
    "method_top_up_and_pay": "credit and payment gateway",
    "method_transfer": "bank transfer",
    "reason_deleted": "resource deleted",
    "reason_invoice": "invoice paid",
    "reason_invoice_credited": "invoice credited",
    "reason_order": "order paid",
    "reason_overpaid": "overpaid",
    "reason_provisioning_failed": "refund: not provisioned",
    "reason_resized": "resource made smaller",
    "reason_top_up": "top-up",
}

VIETNAMESE: Final[Mapping[str, str]] = {
    "account": "Tài khoản",
    "amount": "Số tiền",
    "balance": "Số dư",
    "bank": "Chuyển khoản tới",
    "billed_to": "Khách hàng",
    "closing": "Số dư cuối kỳ",
    "coupon": "Mã giảm giá",
    "credit_note": "Phiếu ghi có",
    "credit_notes": "Phiếu ghi có",
    "credited": "Đã ghi có",
    "date": "Ngày",
    "description": "Diễn giải",
    "due_at": "Hạn thanh toán",
    "given_back": "Hoàn vào ví credit",
    "gross": "Thành tiền",
    "invoice": "Hóa đơn",
    "invoices": "Hóa đơn trong tháng",
    "issued_at": "Ngày lập",
    "list_price": "đơn giá",
    "made_at": "Tính đến",
    "method": "Hình thức",
    "minutes": "phút",
    "month": "Tháng",
    "movement": "Biến động",
    "net": "Trước thuế",
    "none": "Không có trong tháng này",
    "number": "Số",
    "of_invoice": "Điều chỉnh hóa đơn",
    "off": "giảm",
    "opening": "Số dư đầu kỳ",
    "order": "Đơn hàng",
    "outstanding": "Còn phải trả",
    "page": "Trang",
    "page_of": "trên",
    "paid": "Đã thanh toán",
    "paid_for": "Nội dung",
    "payment": "Giao dịch",
    "payments": "Thanh toán",
    "period": "Kỳ sử dụng",
    "phone": "Điện thoại",
    "quantity": "Số lượng",
    "rate": "Thuế suất",
    "reason": "Lý do",
    "resource": "Tài nguyên",
    "statement": "Sao kê tháng",
    "subtotal": "Cộng các dòng",
    "tax_code": "Mã số thuế",
    "total": "Tổng cộng",
    "correction": "điều chỉnh tháng",
    "vat": "Thuế GTGT",
    "vat_excluded": "chưa gồm thuế GTGT",
    "vat_included": "đã gồm thuế GTGT",
    "vat_summary": "Tổng hợp thuế GTGT",
    "wallet": "Ví credit",
    "status_paid": "Đã thanh toán",
    "status_partially_paid": "Thanh toán một phần",
    "status_unpaid": "Chưa thanh toán",
    "method_credit": "credit",
    "method_gateway": "cổng thanh toán",
    "method_on_behalf": "liên kết thanh toán",
    "method_order": "theo đơn hàng",
    "method_poc": "ví POC",
    "method_recorded": "chuyển khoản",
    "method_top_up_and_pay": "credit và cổng thanh toán",
    "method_transfer": "chuyển khoản",
    "reason_deleted": "xóa tài nguyên",
    "reason_invoice": "thanh toán hóa đơn",
    "reason_invoice_credited": "hóa đơn được ghi có",
    "reason_order": "thanh toán đơn hàng",
    "reason_overpaid": "trả thừa",
    "reason_provisioning_failed": "hoàn tiền: không khởi tạo được",
    "reason_resized": "giảm cấu hình tài nguyên",
    "reason_top_up": "nạp credit",
}

WORDS: Final[Mapping[Language, Mapping[str, str]]] = {"en": ENGLISH, "vi": VIETNAMESE}


def named(kind: str, code: str, language: Language) -> str:
    """What a code is called: `named("method", "credit", "vi")`; the code where it has no name."""
    return WORDS[language].get(f"{kind}_{code}", code.replace("_", " "))


def number(value: int | Decimal, language: Language) -> str:
    """A number with its thousands apart: 1,234.5 or 1.234,5."""
    written = format_decimal(
        value, format="#,##0.############", locale=language, decimal_quantization=False
    )
    return written.replace("-", _MINUS)


def money(amount: int, code: str, language: Language, *, with_currency: bool = False) -> str:
    """An amount in smallest units: `1,234` or, with its currency, `1,234 VND`."""
    digits = currency(code).digits
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    written = format_decimal(
        Decimal(amount).scaleb(-digits), format=pattern, locale=language, decimal_quantization=False
    ).replace("-", _MINUS)
    return f"{written}{_SPACE}{code}" if with_currency else written


def percent(rate: Decimal, language: Language) -> str:
    """A share of 1 as per cent: `10 %`."""
    return f"{number((rate * 100).normalize(), language)}{_SPACE}%"


def date(at: datetime, zone: ZoneInfo, language: Language) -> str:
    """The day of an instant, as calendars in `zone` show it."""
    pattern = "d MMM y" if language == "en" else "dd/MM/y"
    return format_date(at.astimezone(zone).date(), format=pattern, locale=language)


def moment(at: datetime, zone: ZoneInfo, language: Language) -> str:
    """An instant to the minute, as clocks in `zone` show it."""
    return f"{date(at, zone, language)} {at.astimezone(zone):%H:%M}"


def month(one: BillingMonth, language: Language) -> str:
    """A billing month: `November 2026` or `11/2026`."""
    if language == "vi":
        return f"{one.month:02d}/{one.year}"
    return format_date(datetime(one.year, one.month, 1), format="MMMM y", locale=language)  # noqa: DTZ001
