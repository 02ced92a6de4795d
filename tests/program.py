"""The program as a person or a script runs it, in this process where a process of its own would
tell nothing more."""

import json
import sys
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from services.cli import main
from shared.settings import settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which is JSON and nothing else."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line that says what is wrong; nothing was printed otherwise."""
        (line,) = self.err.splitlines()
        assert line.startswith("cloudtill: ")
        assert self.out == ""
        return line


class Cloudtill(Protocol):
    """Runs a command: `cloudtill("show", "order", "ord-1")`."""

    def __call__(self, *arguments: str) -> Answer: ...


def program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **environment: str
) -> Cloudtill:
    """The program under some settings."""
    for name, value in environment.items():
        monkeypatch.setenv(f"CLOUDTILL_{name.upper()}", value)

    def cloudtill(*arguments: str) -> Answer:
        settings.cache_clear()
        monkeypatch.setattr(sys, "argv", ["cloudtill", *arguments])
        capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                main()
        finally:
            settings.cache_clear()
        written = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Answer(code, written.out, written.err)

    return cloudtill
