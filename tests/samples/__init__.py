"""A message of each type as it was once published: what could be read then can be read for ever."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent


def sample_of(message_type: str) -> Path:
    """Where the sample of a message type is."""
    return FOLDER / f"{message_type}.json"
