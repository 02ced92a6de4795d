"""What an operator can set: variables `CLOUDTILL_*`, each with a default for one machine."""

from datetime import time
from functools import cache
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.environment import EnvironmentSettings


def _known_zone(name: str) -> str:
    ZoneInfo(name)
    return name


class Settings(EnvironmentSettings):
    """Settings that every worker and command shares. Times are in seconds, sizes in messages."""

    model_config = SettingsConfigDict(
        env_prefix="CLOUDTILL_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    amqp_url: SecretStr = SecretStr("amqp://guest:guest@localhost:5672/")
    database_url: SecretStr = SecretStr("postgresql://localhost:5432/cloudtill")
    management_url: SecretStr = Field(
        SecretStr("http://guest:guest@localhost:15672"),
        description="RabbitMQ's management API, as its administrator; for `users apply` only.",
    )
    billing_time_zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Ho_Chi_Minh"
    invoice_due_days: int = Field(
        15, ge=0, description="Days until an invoice is due (domain 3.4)."
    )
    hold_days: int = Field(
        3, ge=1, le=31, description="Days of estimated cost that are held beyond what use has cost."
    )
    run_width: int = Field(
        8, ge=1, le=100, description="Ranges of accounts of a month's run in hand at once."
    )

    log_level: str = "info"
    log_format: str = Field("auto", pattern="^(auto|json|console)$")
    ops_port: int | None = Field(
        None, description="Port of /livez, /readyz and /metrics; none: off."
    )

    group_size: int = Field(
        250, ge=1, le=1_000, description="Messages in one transaction, at most."
    )
    group_linger_s: float = Field(
        0.012, ge=0, lt=1, description="How long a message waits for others to share a group."
    )
    consume_anew_s: float = Field(
        60, gt=0, description="After how long without a message a worker consumes anew."
    )
    groups_ahead: int = Field(4, ge=2, le=16, description="Groups the broker may send ahead.")
    publish_window: int = Field(500, ge=1, le=5_000, description="Publishes in flight, at most.")
    publish_timeout_s: float = Field(15, gt=0)
    outbox_lease_s: float = Field(
        10, gt=0, description="How long a claimed message is one relay's."
    )
    outbox_poll_s: float = Field(0.5, gt=0)
    retry_delays_s: tuple[float, ...] = (0.2, 1, 5, 15, 60, 300, 1_800, 7_200)
    reference_wait_s: float = Field(
        6, ge=0, description="How long an order may wait for an account or product not yet known."
    )
    switch_grace_days: int = Field(
        7, ge=0, le=30, description="How long resources work on after a switch to prepaid."
    )
    auto_renew_hour: int = Field(
        8, ge=0, le=23, description="When resources are renewed, by clocks in the billing zone."
    )
    day_tick_at: time = Field(
        time(0, 5), description="When the day's and the month's ticks come, in the billing zone."
    )
    suspect_tries: int = Field(
        3, ge=1, description="Crashes a message may cause before it is put away."
    )
    inbox_days: int = Field(90, ge=1, description="How long a message is remembered as handled.")
    inbox_days_at_most: int = Field(1_500, ge=1, description="Days of messages, at most.")
    shutdown_s: float = Field(20, gt=0, description="How long a worker may take to stop.")
    transient_pause_s: float = Field(0.5, gt=0)
    database_silence_s: float = Field(
        300, gt=0, description="After which an unanswered connection to Postgres is given up."
    )


class ServiceAddresses(EnvironmentSettings):
    """Where one service finds its servers, as a user of its own: `CLOUDTILL_WALLET_AMQP_URL` and
    `CLOUDTILL_WALLET_DATABASE_URL`. Without them it is the user that all share."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    amqp_url: SecretStr | None = None
    database_url: SecretStr | None = None

    @classmethod
    def of(cls, service: str) -> Self:
        """Those of a service, read from the environment."""
        return cls(_env_prefix=f"CLOUDTILL_{service.upper()}_")


def settings_of(service: str) -> Settings:
    """The settings of this process for one of its services."""
    own = ServiceAddresses.of(service)
    return settings().model_copy(update={name: one for name, one in own if one is not None})


@cache
def settings() -> Settings:
    """The settings of this process, read from the environment once."""
    return Settings()
