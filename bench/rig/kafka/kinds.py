"""Kinds of requests by name, and which of them only read: Kafka's protocol guide, ZooKeeper's ZooDefs.OpCode, librdkafka's names.

A kind that is not known to read counts as one that may write.
"""

from collections.abc import Mapping

KAFKA = {
    0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 8: "OffsetCommit", 9: "OffsetFetch", 10: "FindCoordinator", 11: "JoinGroup",
    12: "Heartbeat", 13: "LeaveGroup", 14: "SyncGroup", 15: "DescribeGroups", 16: "ListGroups", 17: "SaslHandshake", 18: "ApiVersion",
    19: "CreateTopics", 20: "DeleteTopics", 21: "DeleteRecords", 22: "InitProducerId", 32: "DescribeConfigs", 33: "AlterConfigs",
    36: "SaslAuthenticate", 37: "CreatePartitions", 42: "DeleteGroups", 47: "OffsetDelete", 60: "DescribeCluster",
    68: "ConsumerGroupHeartbeat", 69: "ConsumerGroupDescribe", 71: "GetTelemetrySubscriptions", 72: "PushTelemetry",
    75: "DescribeTopicPartitions",
}  # fmt: skip
ZOOKEEPER = {
    1: "create", 2: "delete", 3: "exists", 4: "getData", 5: "setData", 6: "getACL", 7: "setACL", 8: "getChildren", 9: "sync", 11: "ping",
    12: "getChildren2", 13: "check", 14: "multi", 15: "create2", 16: "reconfig", 19: "createContainer", 21: "createTTL",
    100: "auth", 101: "setWatches", -11: "closeSession",
}  # fmt: skip
READS = frozenset({
    "ApiVersion", "Metadata", "FindCoordinator", "ListOffsets", "Fetch", "OffsetFetch", "ListGroups", "DescribeGroups", "DescribeCluster",
    "ConsumerGroupDescribe", "DescribeTopicPartitions", "SaslHandshake", "SaslAuthenticate",
    "connect", "exists", "getData", "getACL", "getChildren", "getChildren2", "ping", "auth", "setWatches", "closeSession",
})  # fmt: skip


def others_than_reads(sent: Mapping[str, int]) -> dict[str, int]:
    return {kind: number for kind, number in sent.items() if kind not in READS}
