"""A Kafka 4 that lets nobody in without a name, and nobody at a topic or group without an ACL.

Four listeners: PLAINTEXT for the tests themselves (a super user), SASL_PLAINTEXT and SASL_SSL with a password, SSL with a certificate.
Users are their own passwords; a certificate's common name is its user.
"""

from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from tests.lab.kafka import KRAFT_SETTINGS, KRaft
from tests.lab.server import free_port

USERS = ("watcher", "stranger")
LISTENERS = ("SASL_PLAINTEXT", "SASL_SSL", "SSL")
_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required "
_USERS = _LOGIN + " ".join(f'user_{user}="{user}"' for user in USERS) + ";"
SETTINGS = {
    **KRAFT_SETTINGS,
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT," + ",".join(f"{name}:{name}" for name in LISTENERS),
    "inter.broker.listener.name": "PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN",
    "listener.name.sasl_plaintext.plain.sasl.jaas.config": _USERS,
    "listener.name.sasl_ssl.plain.sasl.jaas.config": _USERS,
    "listener.name.ssl.ssl.client.auth": "required",
    "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
    "connection.failed.authentication.delay.ms": "100",
}


class SecureKafka(KRaft):
    """`address()` is the super user's; `at("SASL_SSL")` is what a client with a name uses."""

    def __init__(self, directory: Path, class_path: str) -> None:
        super().__init__("kafka_secure", directory, class_path)
        self._controller_port = free_port()
        self._ports = {name: free_port() for name in LISTENERS}
        self._authority, self._other = trustme.CA(), trustme.CA()

    def at(self, listener: str) -> str:
        return f"127.0.0.1:{self._ports[listener]}"

    @property
    def authority(self) -> str:
        """Path of the certificate of who signed the broker's."""
        return str(self.directory / "ca.pem")

    @property
    def other_authority(self) -> str:
        """Path of the certificate of somebody else."""
        return str(self.directory / "other.pem")

    def certificate_of(self, user: str) -> tuple[str, str]:
        """Paths of a client's certificate and its key."""
        made = self._authority.issue_cert("127.0.0.1", common_name=user)
        certificate, key = self.directory / f"{user}.pem", self.directory / f"{user}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        return str(certificate), str(key)

    def settings(self) -> dict[str, str]:
        controller = f"127.0.0.1:{self._controller_port}"
        named = [f"{name}://{self.at(name)}" for name in LISTENERS]
        return {
            **SETTINGS,
            "listeners": ",".join([f"PLAINTEXT://{self.address()}", *named, f"CONTROLLER://{controller}"]),
            "controller.quorum.voters": f"1@{controller}",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.directory / "broker.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.authority,
        }

    def prepare(self) -> None:
        self._authority.cert_pem.write_to_path(self.authority)
        self._other.cert_pem.write_to_path(self.other_authority)
        made = self._authority.issue_cert("127.0.0.1", "localhost")
        key = load_pem_private_key(made.private_key_pem.bytes(), None)
        pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # Kafka reads no other form of a key
        (self.directory / "broker.pem").write_bytes(pkcs8 + b"".join(blob.bytes() for blob in made.cert_chain_pems))
        super().prepare()
