"""What programs read of costs: by month, product and resource, and what is to come."""

from typing import Final
from zoneinfo import ZoneInfo

from services.portal.api.bodies import CostQuery
from services.portal.api.calls import Call
from services.portal.api.doing import ask_for_use
from services.portal.api.models import UsageReportShown
from services.portal.domain import costs
from services.portal.store import accounts, invoices
from shared.messages.model import CurrencyCode, Id, Model, Period, Time
from shared.periods import BillingMonth
from shared.settings import settings

_RESOURCES: Final = 200


class ProductCost(Model):
    """What a product cost, VAT included, less credit notes."""

    product: str
    gross: int


class ResourceCost(ProductCost):
    """What a resource cost, VAT included, less credit notes."""

    resource_id: Id
    name: str


class MonthCost(Model):
    """What was invoiced in a billing month, less credit notes, and for which products."""

    period: Period
    gross: int
    products: tuple[ProductCost, ...]


class CostForecast(Model):
    """What the present billing month comes to: `used` is not invoiced yet, up to `used_until`;
    `expected` is if use goes on as so far. `next_month`: the mean of the last three, if any."""

    period: Period
    invoiced: int
    used: int
    used_until: Time | None
    expected: int
    next_month: int | None


class CostsShown(Model):
    """Costs by month, by product and by resource (the 200 dearest), and what is to come."""

    currency: CurrencyCode
    months: tuple[MonthCost, ...]
    products: tuple[ProductCost, ...]
    resources: tuple[ResourceCost, ...]
    forecast: CostForecast


async def get_costs(call: Call) -> CostsShown:
    """What the account was invoiced, VAT included, less credit notes: by billing month, product and
    resource; and what the present month is expected to come to."""
    zone = ZoneInfo(settings().billing_time_zone)
    months = BillingMonth.containing(call.at, zone).last(call.asked(CostQuery).months)
    async with call.reading() as db:
        account = await accounts.get_account(db, call.account_id)
        found = await invoices.find_costs(db, account, months[0], zone)
    stacked = costs.by_month(found)
    each = [_month(str(month), stacked.get(str(month), [])) for month in months]
    return CostsShown(
        currency=account.currency,
        months=tuple(each),
        products=tuple(map(_product, costs.by_product(found))),
        resources=tuple(
            ResourceCost(
                resource_id=one.resource_id, name=one.name, product=one.product, gross=gross
            )
            for one, gross in costs.by_resource(found, _RESOURCES)
        ),
        forecast=await _forecast(call, months[-1], zone, [month.gross for month in each]),
    )


def _month(period: str, parts: list[costs.Slice]) -> MonthCost:
    gross = sum(part.value for part in parts)
    return MonthCost(period=period, gross=gross, products=tuple(map(_product, parts)))


def _product(part: costs.Slice) -> ProductCost:
    return ProductCost(product=part.key, gross=part.value)


async def _forecast(
    call: Call, month: BillingMonth, zone: ZoneInfo, totals: list[int]
) -> CostForecast:
    """What is to come; where invoicing does not say what was used, nothing was."""
    row = await ask_for_use(call, str(month))
    report = UsageReportShown.model_validate_json(row["given"]) if row else None
    made = costs.forecast(
        totals,
        report.gross if report else 0,
        month.start(zone),
        report.until if report else call.at,
        month.end(zone),
    )
    return CostForecast(
        period=str(month),
        invoiced=made.invoiced,
        used=made.used,
        used_until=report.until if report else None,
        expected=made.expected,
        next_month=made.next_month,
    )
