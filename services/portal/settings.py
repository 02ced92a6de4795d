"""What an operator can set of the portal: variables `CLOUDTILL_PORTAL_*`."""

from functools import cache
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.environment import EnvironmentSettings

Port = Annotated[int, Field(ge=1, le=65_535)]


class PortalSettings(EnvironmentSettings):
    """Pages and logins. Times are in seconds, and real ones."""

    model_config = SettingsConfigDict(
        env_prefix="CLOUDTILL_PORTAL_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    port: Port | None = Field(
        None, description="Port of the pages; none: this worker only keeps the read tables."
    )
    url: str = Field(
        "http://localhost:8000", description="What browsers know it as: https://portal.example.com."
    )
    development_login: bool = Field(
        False, description="Whether everybody may log in as anybody: for trying things only."
    )
    issuer: str | None = Field(None, description="The OpenID Connect provider: its issuer's URL.")
    client_id: str = Field("cloudtill", description="What the provider knows the portal as.")
    client_secret: SecretStr | None = Field(None, description="The portal's secret there, if any.")
    roles_claim: str = Field("roles", description="The claim with somebody's roles.")
    accounts_claim: str = Field("account_ids", description="The claim with a customer's accounts.")
    api_audience: str | None = Field(
        None, description="Takes the provider's access tokens for this audience at the API, too."
    )
    api_scope_prefix: str = Field(
        "cloudtill:", description="Before `read` and `write` in the scopes of access tokens."
    )
    secret: SecretStr | None = Field(
        None, description="Signs what a browser keeps while it logs in; one for all workers."
    )
    session_idle_s: int = Field(3_600, ge=60, description="How long a login lasts unused.")
    session_at_most_s: int = Field(43_200, ge=60, description="How long a login lasts at most.")
    logins_a_minute: int = Field(20, ge=1, description="Tries to log in from one address.")
    acts_a_minute: int = Field(60, ge=1, description="Acts of one person.")
    api_requests_a_minute: int = Field(600, ge=1, description="Requests of one program's key.")
    webhooks_anywhere: bool = Field(
        False, description="Whether webhooks may go inside, and by http: for trying things only."
    )
    webhook_answer_s: float = Field(
        10, gt=0, le=60, description="How long a receiver of webhooks may take."
    )
    webhook_lease_s: float = Field(
        90, gt=0, le=600, description="When a webhook that its worker left behind is sent again."
    )
    webhook_first_pause_s: float = Field(
        5, gt=0, description="Before a webhook is tried again; each pause is three times as long."
    )
    webhook_longest_pause_s: float = Field(21_600, gt=0, description="No pause is longer.")
    webhook_give_up_s: float = Field(
        259_200, gt=0, description="How long a webhook is tried before it has failed."
    )
    webhook_disable_after_s: float = Field(
        432_000, gt=0, description="How long nothing may get through before no more is sent."
    )
    webhook_poll_s: float = Field(1, gt=0, le=60, description="How often to look for webhooks.")
    webhook_days: int = Field(30, ge=1, description="How long the log of webhooks is kept.")
    quote_wait_s: float = Field(3, gt=0, le=30, description="How long a page waits for a price.")
    poll_s: float = Field(
        0.2, gt=0, le=10, description="How often to look for news while pages are open."
    )

    @model_validator(mode="after")
    def _no_id_token_is_an_access_token(self) -> Self:
        if self.api_audience is not None and self.issuer is None:
            raise ValueError("api_audience needs an issuer")
        if self.api_audience == self.client_id:
            raise ValueError("api_audience is another than client_id, which ID tokens are for")
        return self

    @property
    def secure(self) -> bool:
        """Whether browsers come by https."""
        return self.url.startswith("https:")


@cache
def settings() -> PortalSettings:
    """The settings of this process, read from the environment once."""
    return PortalSettings()
