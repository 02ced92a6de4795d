"""Settings from environment variables, or from files that they name: `CLOUDTILL_AMQP_URL_FILE`.

A file is how Kubernetes and Docker hand over a secret without its being seen in the environment.
"""

import os
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource
from pydantic_settings.exceptions import SettingsError


class EnvironmentSettings(BaseSettings):
    """What each variable says, or else the file that the same name with `_FILE` names."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is in the environment goes before what is in a file."""
        assert isinstance(env_settings, EnvSettingsSource)
        return init_settings, env_settings, _Files(settings_cls, env_settings.env_prefix)


class _Files(PydanticBaseSettingsSource):
    """Values in files that variables name."""

    def __init__(self, settings_cls: type[BaseSettings], prefix: str) -> None:
        super().__init__(settings_cls)
        self._prefix = prefix

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """The text of a field's file without the line's end; None where no variable names one.

        Raises:
            SettingsError: if it can't be read.
        """
        variable = f"{self._prefix}{field_name}_file".upper()
        if (path := os.environ.get(variable)) is None:
            return None, field_name, False
        try:
            return Path(path).read_text().rstrip("\r\n"), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{variable}: can't read {path}: {error}") from None

    def __call__(self) -> dict[str, Any]:
        """Every field whose file a variable names."""
        told = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in told.items() if value is not None}
