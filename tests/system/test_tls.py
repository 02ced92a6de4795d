"""Workers that talk to their servers over TLS, and to nobody who can't show who they are."""

import asyncio
import os
import shutil
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import aio_pika.exceptions
import asyncpg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from services.registry import SERVICES
from shared import broker
from shared.database import connect
from shared.messages.wallet import WalletCredited
from tests.program import Cloudtill, program
from tests.servers import ServersMissing, binaries
from tests.servers.guarded import Guarded
from tests.servers.private import Postgres, RabbitMQ, folder_of_servers
from tests.servers.server import free_port
from tests.system.house import open_house
from tests.system.shop import customer


class Authority:
    """A certificate authority that is thrown away with the test."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.file = folder / f"{name}.pem"
        itself = _certificate(self._name, self._name, self._key.public_key())
        itself = itself.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._write(self.file, itself)

    def issue(self, name: str) -> tuple[Path, Path]:
        """A certificate for 127.0.0.1, and no other address, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = _certificate(_named(name), self._name, key.public_key())
        addresses = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        certificate, secret = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        self._write(certificate, own.add_extension(addresses, critical=False))
        secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, secret

    def _write(self, file: Path, certificate: x509.CertificateBuilder) -> None:
        signed = certificate.sign(self._key, hashes.SHA256())
        file.write_bytes(signed.public_bytes(Encoding.PEM))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
    )


@dataclass(frozen=True, slots=True)
class Secured:
    """Servers with certificates, and the authorities: theirs, and another."""

    amqp: str
    """Address of RabbitMQ with TLS."""
    database: str
    """Address of Postgres, which lets nobody in without TLS."""
    trusted: Path
    other: Path

    def amqp_url(self, *, host: str = "127.0.0.1", trust: Path | None = None) -> str:
        port = self.amqp.rpartition(":")[2]
        return f"amqps://guest:guest@{host}:{port}/?cafile={trust or self.trusted}"

    def database_url(
        self, user: str = "cloudtill", *, host: str = "127.0.0.1", trust: Path | None = None
    ) -> str:
        port = self.database.rpartition(":")[2]
        return (
            f"postgresql://{user}@{host}:{port}/postgres"
            f"?sslmode=verify-full&sslrootcert={trust or self.trusted}"
        )


@pytest.fixture
def secured(tmp_path: Path, worker_guard: Guarded) -> Iterator[Secured]:
    """A RabbitMQ and a Postgres of the test's own, with certificates."""
    try:
        found = binaries.find_or_install(broker=True, postgres=True)
    except ServersMissing as missing:
        pytest.skip(f"certificates need servers of the test's own: {missing}")
    assert found.rabbitmq
    assert found.postgres
    folder = folder_of_servers(worker_guard)
    authority, other = Authority(folder, "authority"), Authority(folder, "other")
    with ExitStack() as ending:
        rabbit = RabbitMQ(found.rabbitmq, folder / "rabbitmq", worker_guard)
        certificate, key = authority.issue("broker")
        port = free_port()
        with (folder / "rabbitmq" / "rabbitmq.conf").open("a") as conf:
            conf.write(
                f"listeners.ssl.1 = 127.0.0.1:{port}\n"
                f"ssl_options.cacertfile = {authority.file}\n"
                f"ssl_options.certfile = {certificate}\nssl_options.keyfile = {key}\n"
            )
        rabbit.launch()
        ending.callback(rabbit.kill)
        postgres = Postgres(found.postgres, folder / "postgres", worker_guard, durable=False)
        postgres.initialize()
        secure_postgres(folder / "postgres" / "data", *authority.issue("database"))
        postgres.start()
        ending.callback(postgres.kill)
        rabbit.wait()
        address = postgres.url.rpartition("@")[2].partition("/")[0]
        yield Secured(f"127.0.0.1:{port}", address, authority.file, other.file)


def secure_postgres(data: Path, certificate: Path, key: Path) -> None:
    """Let nobody in without TLS, and nobody but the operator without a password."""
    owner = data.stat()
    for source, name in ((certificate, "server.crt"), (key, "server.key")):
        target = data / name
        shutil.copyfile(source, target)
        os.chown(target, owner.st_uid, owner.st_gid)
        target.chmod(0o600)
    (data / "pg_hba.conf").write_text(
        "hostssl all cloudtill 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n"
    )
    with (data / "postgresql.conf").open("a") as conf:
        conf.write("ssl = on\nssl_min_protocol_version = 'TLSv1.2'\n")


@pytest.fixture
def cloudtill(
    secured: Secured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cloudtill:
    """The program against these servers; its wallet has a user and a password of its own."""
    return program(
        monkeypatch,
        capsys,
        amqp_url=secured.amqp_url(),
        database_url=secured.database_url(),
        wallet_database_url=secured.database_url("cloudtill_wallet:s3cret"),
    )


async def test_workers_do_their_work_over_tls(
    secured: Secured, cloudtill: Cloudtill, worker_guard: Guarded, tmp_path: Path
) -> None:
    for command in (("migrate",), ("users", "apply")):
        answer = await asyncio.to_thread(cloudtill, *command)
        assert answer.code == 0, answer.err
    async with open_house(
        [SERVICES["wallet"], SERVICES["billing"]],
        secured.amqp_url(),
        secured.database_url(),
        tmp_path,
        worker_guard,
    ) as house:
        own = secured.database_url("cloudtill_wallet:s3cret")
        house.start("wallet", "billing", wallet_database_url=own)
        await house.publish(*customer(credit=1_000))
        credited = await house.wait_for(WalletCredited)
        assert credited.balance == 1_000
    db = await connect(own)
    try:
        assert await db.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        assert await db.fetchval("select current_user") == "cloudtill_wallet"
    finally:
        await db.close()

    await assert_nobody_else_is_believed(secured)


async def assert_nobody_else_is_believed(secured: Secured) -> None:
    """Not a server of another authority or name, not a client without TLS or the password."""
    for url in (
        secured.database_url(trust=secured.other),
        secured.database_url(host="localhost"),
    ):
        with pytest.raises((ssl.SSLError, OSError)):
            await connect(url)
    for user, options in (("cloudtill", "sslmode=disable"), ("cloudtill_wallet:wrong", "")):
        plain = f"postgresql://{user}@{secured.database}/postgres?{options}"
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await connect(plain)
    for url in (secured.amqp_url(trust=secured.other), secured.amqp_url(host="localhost")):
        with pytest.raises((aio_pika.exceptions.AMQPConnectionError, ssl.SSLError)):
            async with broker.connected(url, "test"):
                pass
