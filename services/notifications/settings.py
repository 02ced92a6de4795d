"""What an operator can set of e-mail. Times are in seconds, and real ones."""

from email.utils import parseaddr
from functools import cache
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict
from yarl import URL

from services.notifications.domain.notices import Language
from shared.environment import EnvironmentSettings

_SCHEMES: Final = ("smtp", "starttls", "smtps")


def _or_none(value: object) -> object:
    return None if value == "" else value


def _smtp(url: SecretStr) -> SecretStr:
    address = URL(url.get_secret_value())
    if address.scheme not in _SCHEMES or not address.host:
        raise ValueError(f"{', '.join(f'{one}://' for one in _SCHEMES)} and a host are expected")
    return url


def _sender(value: str) -> str:
    _, address = parseaddr(value)
    if "@" not in address or not value.isprintable():
        raise ValueError("an address is expected: Cloudtill <billing@example.com>")
    return value


class NotificationSettings(EnvironmentSettings):
    """Environment variables `CLOUDTILL_SMTP_URL`, `CLOUDTILL_MAIL_*`, `CLOUDTILL_NOTICE_DAYS` and
    `CLOUDTILL_PORTAL_URL`."""

    model_config = SettingsConfigDict(
        env_prefix="CLOUDTILL_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    smtp_url: Annotated[
        Annotated[SecretStr, AfterValidator(_smtp)] | None, BeforeValidator(_or_none)
    ] = Field(
        None,
        description="The mail server, with user and password: smtp:// in the clear, starttls://"
        " or smtps:// encrypted; none: notices wait until there is one.",
    )
    mail_from: Annotated[str, AfterValidator(_sender)] = Field(
        "Cloudtill <billing@localhost>", description="Who writes."
    )
    mail_language: Language = Field(
        "en", description="Of accounts that did not say theirs: en or vi."
    )
    mail_answer_s: float = Field(
        30, gt=0, le=300, description="How long a server may take for a mail."
    )
    mail_lease_s: float = Field(
        180, gt=0, description="After how long another worker takes over what one was to send."
    )
    mail_longest_pause_s: float = Field(
        3_600, gt=0, description="Between tries of what could not be sent, at most."
    )
    mail_give_up_s: float = Field(
        432_000, gt=0, description="How long what could not be sent is tried again."
    )
    notice_days: int = Field(
        400,
        ge=1,
        le=36_500,
        description="How long ended notices are kept, and at least as long as messages are"
        " remembered.",
    )
    portal_url: Annotated[str | None, BeforeValidator(_or_none)] = Field(
        None, description="What browsers know the portal as; mails link to it."
    )


@cache
def settings() -> NotificationSettings:
    """The settings of this process, read from the environment once."""
    return NotificationSettings()
