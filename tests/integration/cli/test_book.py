"""The operators' book: its commands run, and what it names exists."""

import asyncio
import re
import shlex
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import yaml

from services.registry import SCHEMAS, SERVICES
from shared import broker, topology
from shared.database import connect
from shared.users import Rights
from tests.program import program
from tests.servers import Servers
from tests.unit.deploy.kustomize import build
from tests.users import own_login, removed_at_the_end, removed_on_rabbitmq, with_login

ROOT = Path(__file__).parents[3]
BOOK = (ROOT / "deploy" / "README.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", BOOK, re.DOTALL) for line in block.splitlines()
]
PLAYED = {"ord-17": "ord-web", "acc-7": "chi"}
"""What the book's ids are in the played house."""
TRIED_ELSEWHERE = {"kubectl", "pg_dump", "pg_restore", "rabbitmqctl"}


@pytest.fixture
async def copy_url(played_url: str) -> AsyncIterator[str]:
    """A copy of the played database, which may be changed."""
    name = f"book_{uuid.uuid4().hex[:12]}"
    parts = urlsplit(played_url)
    admin = await connect(urlunsplit(parts._replace(path="/postgres")))
    try:
        await admin.execute(f"create database {name} template {parts.path[1:]}")
        yield urlunsplit(parts._replace(path=f"/{name}"))
        await admin.execute(f"drop database {name} with (force)")
    finally:
        await admin.close()


async def test_every_command_of_the_book_does_what_it_should(
    copy_url: str,
    amqp_url: str,
    running_servers: Servers,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logins = {name: own_login(name) for name in (*(one.name for one in SCHEMAS), "watch")}
    own = {f"{name}_amqp_url": with_login(amqp_url, one) for name, one in logins.items()}
    own |= {f"{name}_database_url": with_login(copy_url, one) for name, one in logins.items()}
    cloudtill = program(
        monkeypatch,
        capsys,
        amqp_url=amqp_url,
        database_url=copy_url,
        management_url=running_servers.management_url,
        **own,
    )
    async with broker.connected(amqp_url, "test") as connection:
        await topology.apply(connection, SERVICES.values())
    db = await connect(copy_url)
    try:
        async with (
            removed_at_the_end(db, *logins.values()),
            removed_on_rabbitmq(running_servers.management_url, *logins.values()),
        ):
            done = 0
            for line in COMMANDS:
                words = [PLAYED.get(word, word) for word in shlex.split(line)]
                if words[0] == "cloudtill":
                    answer = await asyncio.to_thread(cloudtill, *words[1:])
                    assert answer.code == 0, f"{line}: {answer.err}"
                    done += 1
            assert done > 15
    finally:
        await db.close()


def test_no_command_of_the_book_is_left_untried() -> None:
    programs = {shlex.split(line)[0] for line in COMMANDS}
    assert programs == TRIED_ELSEWHERE | {"cloudtill"}


def test_what_the_book_names_on_kubernetes_is_there() -> None:
    there = {
        f"{one['kind'].lower()}/{one['metadata']['name']}"
        for one in build(ROOT / "deploy" / "kubernetes" / "overlays" / "production")
    }
    named = [word for line in COMMANDS if line.startswith("kubectl") for word in line.split()]
    kinds = {one.partition("/")[0] for one in there}
    resources = {word for word in named if word.partition("/")[0] in kinds and "/" in word}
    assert resources
    assert resources <= there
    for folder in re.findall(r"apply -k (\S+)", BOOK):
        assert (ROOT / folder / "kustomization.yaml").is_file()
    for path in re.findall(r"`((?:kubernetes|observability|examples)/[\w./-]+)`", BOOK):
        assert (ROOT / "deploy" / path).exists() or (ROOT / path).exists(), path


def test_a_product_teams_user_may_answer_and_no_more() -> None:
    (line,) = (line for line in COMMANDS if "set_topic_permissions" in line)
    says = shlex.split(line)[-2]
    for answer in ("product.succeeded", "product.failed", "usage.recorded"):
        assert re.search(says, answer)
    for service in SCHEMAS:
        ours = Rights.of(service).says.strip("^$()").replace("\\", "").split("|")
        for key in set(ours) - {"product.succeeded", "product.failed"}:
            assert not re.search(says, key), key


def test_every_alert_stands_in_the_book_and_no_other() -> None:
    (group,) = yaml.safe_load((ROOT / "deploy/observability/alerts.yaml").read_text())["groups"]
    alerts = [rule["alert"] for rule in group["rules"]]
    assert re.findall(r"^### (\w+)$", BOOK, re.MULTILINE) == alerts
