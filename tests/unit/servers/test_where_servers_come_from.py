"""An URL in the environment, else containers, else installed binaries, else a line that helps."""

import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers import (
    AMQP_URL,
    DATABASE_URL,
    MANAGEMENT_URL,
    ServersMissing,
    binaries,
    containers,
    private,
    servers,
)


class _Database:
    url = "postgresql://cloudtill@127.0.0.1:1/postgres"

    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def start(self) -> None: ...


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without servers."""
    for name in (AMQP_URL, DATABASE_URL, MANAGEMENT_URL):
        monkeypatch.delenv(name, raising=False)


def test_servers_in_the_environment_are_used_and_are_nobodys_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(AMQP_URL, "amqp://me:secret@mq.example:5673/")
    monkeypatch.setenv(DATABASE_URL, "postgresql://db.example/cloudtill")
    with servers() as running:
        assert running.environment() == {
            AMQP_URL: "amqp://me:secret@mq.example:5673/",
            MANAGEMENT_URL: "http://me:secret@mq.example:15672",
            DATABASE_URL: "postgresql://db.example/cloudtill",
        }
        assert running.broker is None
        assert running.postgres is None


def test_a_server_that_is_not_in_the_environment_is_started_beside_one_that_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(AMQP_URL, "amqp://mq.example")
    monkeypatch.setenv(MANAGEMENT_URL, "http://guest:guest@mq.example:8080")
    monkeypatch.setattr(containers, "engine_answers", lambda: False)
    asked: list[tuple[bool, bool]] = []

    def start(
        _ending: ExitStack, *, broker: bool, postgres: bool, durable: bool
    ) -> tuple[None, _Database]:
        assert not durable
        asked.append((broker, postgres))
        return None, _Database()

    monkeypatch.setattr(private, "start", start)
    with servers() as running:
        assert running.database_url == _Database.url
        assert running.management_url == "http://guest:guest@mq.example:8080"
    assert asked == [(False, True)]


def test_an_engine_that_can_give_no_container_leaves_it_to_installed_binaries(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(AMQP_URL, "amqp://mq.example")
    monkeypatch.setattr(containers, "engine_answers", lambda: True)

    def no_image(*_: object, **__: object) -> None:
        raise containers.NoImage("the registry does not answer")

    monkeypatch.setattr(containers, "start", no_image)
    monkeypatch.setattr(private, "start", lambda *_, **__: (None, _Database()))
    with servers() as running:
        assert running.database_url == _Database.url
    assert "the registry does not answer" in capsys.readouterr().err


def test_without_root_or_debian_a_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(binaries, "_find_rabbitmq", lambda: None)
    monkeypatch.setattr(binaries, "_find_postgres", lambda: None)
    monkeypatch.setattr(binaries, "_DEBIAN", tmp_path / "none")
    with pytest.raises(ServersMissing, match="install rabbitmq-server and postgresql, or set"):
        binaries.find_or_install(broker=True, postgres=True)


@pytest.mark.parametrize("code", [0, 100])
def test_what_is_installed_is_not_started_on_the_default_ports(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int
) -> None:
    policy = tmp_path / "policy-rc.d"
    forbidden: list[int] = []

    def apt_get(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[0] == "apt-get"
        forbidden.append(subprocess.run([policy, "postgresql", "start"], check=False).returncode)
        return subprocess.CompletedProcess(command, code, stderr="E: no network")

    monkeypatch.setattr(binaries, "_POLICY", policy)
    monkeypatch.setattr(binaries, "_run", apt_get)
    if code:
        with pytest.raises(ServersMissing, match=r"apt-get .* update failed: E: no network"):
            binaries.install(["postgresql"])
    else:
        binaries.install(["postgresql"])
    assert set(forbidden) == {101}
    assert not policy.exists()


def test_where_no_engine_listens_none_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    assert not containers.engine_answers()
