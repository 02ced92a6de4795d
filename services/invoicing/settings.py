"""What an operator can set of invoicing: variables `CLOUDTILL_INVOICING_*`."""

from datetime import timedelta
from functools import cache

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.environment import EnvironmentSettings


class InvoicingSettings(EnvironmentSettings):
    """Limits of reports of metered use, and of shortage of credit for holds (domain 8)."""

    model_config = SettingsConfigDict(
        env_prefix="CLOUDTILL_INVOICING_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    usage_ahead_s: int = Field(
        300, ge=0, description="How far ahead of its message reported use may end."
    )
    usage_months_back: int = Field(
        12, ge=1, le=60, description="How many months late use may be reported."
    )
    usage_wait_days: int = Field(
        7, ge=0, le=60, description="How long a report may wait for its resource to be known."
    )

    hold_short_days: int = Field(
        3,
        ge=1,
        le=60,
        description="Days after which a resource is suspended whose hold lacks credit.",
    )

    @property
    def usage_wait(self) -> timedelta:
        return timedelta(days=self.usage_wait_days)


@cache
def invoicing_settings() -> InvoicingSettings:
    """The settings of this process, read from the environment once."""
    return InvoicingSettings()
