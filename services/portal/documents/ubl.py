"""Invoices and credit notes for machines: UBL 2.1 (OASIS, ISO/IEC 19845:2015).

What is written is what was issued: payments that came later are not in it, so that an invoice
gives the same bytes for ever.

A line is one piece at its net amount. What led to that (quantity, minutes, price, discount, all of
them rounded once and together, domain 6) stands beside it as properties of the item, because UBL's
price times quantity knows no time.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

from services.portal.documents.values import (
    CreditNoteDocument,
    InvoiceDocument,
    Line,
    Party,
    VatShare,
)
from shared.money import currency

_UBL: Final = "urn:oasis:names:specification:ubl:schema:xsd:"
_CAC: Final = f"{_UBL}CommonAggregateComponents-2"
_CBC: Final = f"{_UBL}CommonBasicComponents-2"
_COMMERCIAL_INVOICE: Final = "380"
_CREDIT_NOTE_TYPE: Final = "381"
_DISCOUNT: Final = "95"
_PIECE: Final = "C62"
_NOT_IN_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _Writer:
    """An element, and the currency in which its amounts are."""

    def __init__(self, element: ET.Element, code: str, zone: ZoneInfo) -> None:
        self._element = element
        self._code = code
        self._zone = zone

    def inside(self, name: str) -> "_Writer":
        """A new aggregate at the end of this one."""
        element = ET.SubElement(self._element, f"cac:{name}")
        return _Writer(element, self._code, self._zone)

    def text(self, name: str, value: str | None, **attributes: str) -> None:
        """A basic element; none where there is no value. What XML can't say becomes U+FFFD."""
        if value is None:
            return
        element = ET.SubElement(self._element, f"cbc:{name}", attributes)
        element.text = _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", value)

    def amount(self, name: str, amount: int) -> None:
        """Smallest units, written in the currency's own unit."""
        units = Decimal(amount).scaleb(-currency(self._code).digits)
        self.text(name, f"{units:f}", currencyID=self._code)

    def day(self, name: str, at: datetime | None) -> None:
        if at is not None:
            self.text(name, at.astimezone(self._zone).date().isoformat())

    def time(self, name: str, at: datetime) -> None:
        self.text(name, at.astimezone(self._zone).timetz().isoformat(timespec="seconds"))

    def encoded(self) -> bytes:
        ET.indent(self._element)
        written: bytes = ET.tostring(
            self._element, encoding="UTF-8", xml_declaration=True, short_empty_elements=False
        )
        return written + b"\n"


def invoice_ubl(invoice: InvoiceDocument) -> bytes:
    """An invoice as it was issued."""
    root = _root("Invoice", invoice.currency, invoice.zone)
    root.text("UBLVersionID", "2.1")
    root.text("ID", invoice.number)
    root.text("UUID", invoice.invoice_id)
    root.day("IssueDate", invoice.issued_at)
    root.time("IssueTime", invoice.issued_at)
    root.day("DueDate", invoice.due_at)
    root.text("InvoiceTypeCode", _COMMERCIAL_INVOICE)
    root.text("DocumentCurrencyCode", invoice.currency)
    root.text("AccountingCost", invoice.resource_id)
    root.text("LineCountNumeric", str(len(invoice.lines)))
    period = root.inside("InvoicePeriod")
    period.day("StartDate", invoice.period_from)
    period.day("EndDate", invoice.period_to)
    if invoice.order_id is not None:
        root.inside("OrderReference").text("ID", invoice.order_id)
    _parties(root, invoice.seller, invoice.buyer)
    shares = invoice.vat_shares
    for share in shares:
        if share.discount:
            _coupon(root, share)
    _taxes(root, invoice.vat, [(share.rate, share.net, share.vat) for share in shares])
    totals = root.inside("LegalMonetaryTotal")
    off = invoice.discount - invoice.discount_vat
    totals.amount("LineExtensionAmount", invoice.net + off)
    totals.amount("TaxExclusiveAmount", invoice.net)
    totals.amount("TaxInclusiveAmount", invoice.gross)
    if off:
        totals.amount("AllowanceTotalAmount", off)
    totals.amount("PrepaidAmount", invoice.prepaid)
    totals.amount("PayableAmount", invoice.gross - invoice.prepaid)
    for place, line in enumerate(invoice.lines, start=1):
        _line(root, place, line)
    return root.encoded()


def credit_note_ubl(note: CreditNoteDocument) -> bytes:
    """A credit note, which names the invoice that it corrects."""
    root = _root("CreditNote", note.currency, note.zone)
    root.text("UBLVersionID", "2.1")
    root.text("ID", note.number)
    root.day("IssueDate", note.at)
    root.time("IssueTime", note.at)
    root.text("CreditNoteTypeCode", _CREDIT_NOTE_TYPE)
    root.text("DocumentCurrencyCode", note.currency)
    root.text("LineCountNumeric", "1")
    root.inside("DiscrepancyResponse").text("Description", note.reason)
    reference = root.inside("BillingReference").inside("InvoiceDocumentReference")
    reference.text("ID", note.invoice_number)
    reference.day("IssueDate", note.invoice_issued_at)
    _parties(root, note.seller, note.buyer)
    _taxes(root, note.vat, [(note.vat_rate, note.net, note.vat)])
    totals = root.inside("LegalMonetaryTotal")
    totals.amount("LineExtensionAmount", note.net)
    totals.amount("TaxExclusiveAmount", note.net)
    totals.amount("TaxInclusiveAmount", note.amount)
    totals.amount("PayableAmount", note.amount)
    line = root.inside("CreditNoteLine")
    line.text("ID", "1")
    line.text("CreditedQuantity", "1", unitCode=_PIECE)
    line.amount("LineExtensionAmount", note.net)
    item = line.inside("Item")
    item.text("Name", note.reason or note.invoice_number)
    _category(item.inside("ClassifiedTaxCategory"), note.vat_rate)
    line.inside("Price").amount("PriceAmount", note.net)
    return root.encoded()


def _root(name: str, code: str, zone: ZoneInfo) -> _Writer:
    namespaces = {"xmlns": f"{_UBL}{name}-2", "xmlns:cac": _CAC, "xmlns:cbc": _CBC}
    return _Writer(ET.Element(name, namespaces), code, zone)


def _parties(root: _Writer, seller: Party, buyer: Party) -> None:
    _party(root.inside("AccountingSupplierParty").inside("Party"), seller)
    _party(root.inside("AccountingCustomerParty").inside("Party"), buyer)


def _party(party: _Writer, one: Party) -> None:
    if one.account_id is not None:
        party.inside("PartyIdentification").text("ID", one.account_id)
    party.inside("PartyName").text("Name", one.name)
    address = party.inside("PostalAddress")
    for line in one.address:
        address.inside("AddressLine").text("Line", line)
    address.inside("Country").text("IdentificationCode", one.country)
    if one.tax_code is not None:
        scheme = party.inside("PartyTaxScheme")
        scheme.text("CompanyID", one.tax_code)
        scheme.inside("TaxScheme").text("ID", "VAT")
    party.inside("PartyLegalEntity").text("RegistrationName", one.name)
    if one.phone is not None or one.email is not None:
        contact = party.inside("Contact")
        contact.text("Telephone", one.phone)
        contact.text("ElectronicMail", one.email)


def _coupon(root: _Writer, share: VatShare) -> None:
    allowance = root.inside("AllowanceCharge")
    allowance.text("ChargeIndicator", "false")
    allowance.text("AllowanceChargeReasonCode", _DISCOUNT)
    allowance.text("AllowanceChargeReason", "Coupon")
    allowance.amount("Amount", share.discount)
    _category(allowance.inside("TaxCategory"), share.rate)


def _taxes(root: _Writer, vat: int, shares: Iterable[tuple[Decimal, int, int]]) -> None:
    total = root.inside("TaxTotal")
    total.amount("TaxAmount", vat)
    for rate, net, of_it in shares:
        subtotal = total.inside("TaxSubtotal")
        subtotal.amount("TaxableAmount", net)
        subtotal.amount("TaxAmount", of_it)
        _category(subtotal.inside("TaxCategory"), rate)


def _category(category: _Writer, rate: Decimal) -> None:
    """Standard rate, or zero rate (UNCL 5305)."""
    category.text("ID", "S" if rate else "Z")
    category.text("Percent", _plain(rate * 100))
    category.inside("TaxScheme").text("ID", "VAT")


def _line(root: _Writer, place: int, line: Line) -> None:
    """One piece; what is given back is -1 piece, because no price is below 0."""
    written = root.inside("InvoiceLine")
    written.text("ID", str(place))
    written.text("InvoicedQuantity", "-1" if line.net < 0 else "1", unitCode=_PIECE)
    written.amount("LineExtensionAmount", line.net)
    if line.period_from is not None and line.period_to is not None:
        period = written.inside("InvoicePeriod")
        period.day("StartDate", line.period_from)
        period.day("EndDate", line.period_to)
    item = written.inside("Item")
    item.text("Name", line.description or line.sku)
    item.inside("SellersItemIdentification").text("ID", line.sku)
    _category(item.inside("ClassifiedTaxCategory"), line.vat_rate)
    for name, value in _properties(line):
        one = item.inside("AdditionalItemProperty")
        one.text("Name", name)
        one.text("Value", value)
    written.inside("Price").amount("PriceAmount", abs(line.net))


def _properties(line: Line) -> Iterable[tuple[str, str]]:
    yield "quantity", _plain(line.quantity)
    if line.minutes is not None:
        yield "minutes", str(line.minutes)
    yield "unit price", _plain(line.unit_price)
    yield "unit price includes VAT", "true" if line.vat_included else "false"
    if line.discount_rate:
        yield "discount rate", _plain(line.discount_rate)
    if line.month is not None:
        yield "corrects month", line.month


def _plain(value: Decimal) -> str:
    """Without needless zeros, and never with an exponent."""
    return f"{value.normalize():f}"
