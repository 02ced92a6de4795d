"""What an operator can set for all gateways. What is one gateway's own stands beside its code."""

from functools import cache
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.environment import EnvironmentSettings

Port = Annotated[int, Field(ge=1, le=65_535)]


class GatewaySettings(EnvironmentSettings):
    """Environment variables `CLOUDTILL_GATEWAY*`. Times are in seconds, and real ones."""

    model_config = SettingsConfigDict(env_prefix="CLOUDTILL_", frozen=True, extra="ignore")

    gateway: str = Field(
        "simulated", description="The gateway through which new payments are made."
    )
    gateways_port: Port | None = Field(
        None, description="Port where gateways tell what was paid; none: they are only asked."
    )
    gateways_url: str | None = Field(
        None, description="What gateways know that port as: https://pay.example.com."
    )
    gateway_answer_s: float = Field(
        10, gt=0, le=60, description="How long a gateway may take to answer."
    )
    gateway_lease_s: float = Field(
        30, gt=0, description="After how long another worker takes over what one was to ask."
    )
    gateway_longest_pause_s: float = Field(
        300, gt=0, description="Between tries of what a gateway did not answer, at most."
    )

    def callback_url(self, gateway: str) -> str | None:
        """Where a gateway is to tell what was paid; None: as it was agreed with it."""
        if self.gateways_url is None:
            return None
        return f"{self.gateways_url.rstrip('/')}/gateways/{gateway}/callback"


@cache
def settings() -> GatewaySettings:
    """The settings of this process, read from the environment once."""
    return GatewaySettings()
