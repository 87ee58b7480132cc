"""From a cluster's configuration to the settings of a client: its secrets, and its brokers when only ZooKeeper knows them."""

from backends.kafka.client import Settings
from backends.kafka.config import Cluster
from backends.source import Unavailable
from backends.zookeeper.client import Node, ZookeeperClient
from backends.zookeeper.znodes import Endpoint, parse_broker
from settings.secret import Secret, SecretUnavailable

BROKERS = "/brokers/ids"  # an ephemeral node a living broker; KRaft clusters have none


async def connect_settings(cluster: Cluster, where: str) -> Settings:
    """Raises Unavailable. Asks ZooKeeper anew each time: brokers move while we are away."""
    title = f"kafka {cluster.name}"
    options = {key: _text(value, f"{title}: {where}.options.{key}") for key, value in cluster.options.items()}
    protocol = str(options.get("security.protocol", "PLAINTEXT")).upper()
    bootstrap = cluster.bootstrap or await _brokers(cluster, title, where, protocol)
    return Settings(title, where, bootstrap, options)


def _text(value: str | int | float | bool | Secret, place: str) -> str | int | float | bool:
    try:
        return value.read() if isinstance(value, Secret) else value
    except SecretUnavailable as error:
        raise Unavailable(f"{place}: {error}") from None


async def _brokers(cluster: Cluster, title: str, where: str, protocol: str) -> str:
    client = ZookeeperClient(title, where, cluster.zookeeper or "")
    try:
        ids = await client.children(BROKERS)
        nodes = await client.read([f"{BROKERS}/{number}" for number in ids])
    finally:
        client.close()
    endpoints = [endpoint for node in nodes if isinstance(node, Node) for endpoint in parse_broker(node.data)]
    return choose(endpoints, protocol, f"{title}: ZooKeeper at {cluster.zookeeper}", where)


def choose(endpoints: list[Endpoint], protocol: str, title: str, where: str) -> str:
    """The addresses that speak our protocol, as librdkafka wants them. Raises Unavailable when there are none."""
    if not endpoints:
        raise Unavailable(f"{title} knows no living broker; are the brokers running? A cluster without ZooKeeper needs {where}.bootstrap")
    fitting = [endpoint.address for endpoint in endpoints if endpoint.protocol == protocol]
    if not fitting:
        offered = ", ".join(sorted({endpoint.protocol for endpoint in endpoints}))
        raise Unavailable(f"{title}: no broker speaks {protocol}, they speak {offered}; see security.protocol in {where}.options")
    return ",".join(dict.fromkeys(fitting))
