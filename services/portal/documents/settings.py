"""Who sells: what stands on each document, and what an operator sets once."""

from functools import cache

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.portal.documents.values import Party
from shared.environment import EnvironmentSettings


class SellerSettings(EnvironmentSettings):
    """Environment variables `CLOUDTILL_SELLER_*`."""

    model_config = SettingsConfigDict(env_prefix="CLOUDTILL_SELLER_", frozen=True, extra="ignore")

    name: str = Field("Cloudtill", min_length=1, description="The seller's name on documents.")
    address: str = Field("", description="Its address; lines divided by semicolons.")
    country: str = Field(
        "VN", pattern="^[A-Z]{2}$", description="Its country as two letters (ISO 3166)."
    )
    tax_code: str | None = Field(None, description="Its tax code.")
    email: str | None = Field(None, description="Where customers may ask about an invoice.")
    phone: str | None = Field(None, description="The same by telephone.")
    bank: str | None = Field(None, description="Account to which invoices can be transferred.")

    def party(self) -> Party:
        """The seller as it stands on a document."""
        lines = (line.strip() for line in self.address.split(";"))
        return Party(
            name=self.name,
            address=tuple(line for line in lines if line),
            country=self.country,
            tax_code=self.tax_code,
            email=self.email,
            phone=self.phone,
            bank=self.bank,
        )


@cache
def seller() -> Party:
    """The seller of this installation, read from the environment once."""
    return SellerSettings().party()
