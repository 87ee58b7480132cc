"""What librdkafka's properties are called, whom they are for, and which values they take: for suggestions and for plain words.

The library itself is the judge (kafka_options); this is its own table, of librdkafka 2.16, as `rd_kafka_conf_properties_show` prints it.
A line: `*` for everybody, `C` for consumers, `P` for producers, `-` what only a program can set; the name; then a range, words, or `bool`.
"""

from typing import Final, Literal, NamedTuple

User = Literal["*", "C", "P", "-"]


class Property(NamedTuple):
    user: User
    values: str  # "1..60000", "none|gzip|lz4", "bool", "number"; "" is any text


_TABLE: Final = """
- builtin.features
* client.id
* metadata.broker.list
* bootstrap.servers
* message.max.bytes 1000..1000000000
* message.copy.max.bytes 0..1000000000
* receive.message.max.bytes 1000..2147483647
* max.in.flight.requests.per.connection 1..1000000
* max.in.flight 1..1000000
* metadata.recovery.strategy none|rebootstrap
* metadata.recovery.rebootstrap.trigger.ms 0..2147483647
* topic.metadata.refresh.interval.ms -1..3600000
* metadata.max.age.ms 1..86400000
* topic.metadata.refresh.fast.interval.ms 1..60000
* topic.metadata.refresh.fast.cnt 0..1000
* topic.metadata.refresh.sparse bool
* topic.metadata.propagation.max.ms 0..3600000
* topic.blacklist
* debug
* socket.timeout.ms 10..300000
* socket.blocking.max.ms 1..60000
* socket.send.buffer.bytes 0..100000000
* socket.receive.buffer.bytes 0..100000000
* socket.keepalive.enable bool
* socket.nagle.disable bool
* socket.max.fails 0..1000000
* broker.address.ttl 0..86400000
* broker.address.family any|v4|v6
* socket.connection.setup.timeout.ms 1000..2147483647
* connections.max.idle.ms 0..2147483647
* reconnect.backoff.jitter.ms 0..3600000
* reconnect.backoff.ms 0..3600000
* reconnect.backoff.max.ms 0..3600000
* statistics.interval.ms 0..86400000
- enabled_events 0..2147483647
- error_cb
- throttle_cb
- stats_cb
- log_cb
* log_level 0..7
- log.queue
* log.thread.name bool
* enable.random.seed bool
* log.connection.close bool
- background_event_cb
- socket_cb
- connect_cb
- closesocket_cb
- open_cb
- resolve_cb
- opaque
- default_topic_conf
- internal.termination.signal 0..128
* api.version.request bool
* api.version.request.timeout.ms 1..300000
* api.version.fallback.ms 0..604800000
* broker.version.fallback
* allow.auto.create.topics bool
* security.protocol plaintext|ssl|sasl_plaintext|sasl_ssl
* ssl.cipher.suites
* ssl.curves.list
* ssl.sigalgs.list
* ssl.key.location
* ssl.key.password
* ssl.key.pem
- ssl_key
* ssl.certificate.location
* ssl.certificate.pem
- ssl_certificate
* ssl.ca.location
* https.ca.location
* https.ca.pem
* ssl.ca.pem
- ssl_ca
* ssl.ca.certificate.stores
* ssl.crl.location
* ssl.keystore.location
* ssl.keystore.password
* ssl.providers
* ssl.engine.location
* ssl.engine.id
- ssl_engine_callback_data
* enable.ssl.certificate.verification bool
* ssl.endpoint.identification.algorithm none|https
- ssl.certificate.verify_cb
* sasl.mechanisms
* sasl.mechanism
* sasl.kerberos.service.name
* sasl.kerberos.principal
* sasl.kerberos.kinit.cmd
* sasl.kerberos.keytab
* sasl.kerberos.min.time.before.relogin 0..86400000
* sasl.username
* sasl.password
* sasl.oauthbearer.config
* enable.sasl.oauthbearer.unsecure.jwt bool
- oauthbearer_token_refresh_cb
* sasl.oauthbearer.method default|oidc
* sasl.oauthbearer.client.id
* sasl.oauthbearer.client.credentials.client.id
* sasl.oauthbearer.client.credentials.client.secret
* sasl.oauthbearer.client.secret
* sasl.oauthbearer.scope
* sasl.oauthbearer.extensions
* sasl.oauthbearer.token.endpoint.url
* sasl.oauthbearer.sub.claim.name
* sasl.oauthbearer.grant.type client_credentials|urn:ietf:params:oauth:grant-type:jwt-bearer
* sasl.oauthbearer.assertion.algorithm RS256|ES256
* sasl.oauthbearer.assertion.private.key.file
* sasl.oauthbearer.assertion.private.key.passphrase
* sasl.oauthbearer.assertion.private.key.pem
* sasl.oauthbearer.assertion.file
* sasl.oauthbearer.assertion.claim.aud
* sasl.oauthbearer.assertion.claim.exp.seconds 1..2147483647
* sasl.oauthbearer.assertion.claim.iss
* sasl.oauthbearer.assertion.claim.jti.include bool
* sasl.oauthbearer.assertion.claim.nbf.seconds 0..2147483647
* sasl.oauthbearer.assertion.claim.sub
* sasl.oauthbearer.assertion.jwt.template.file
* sasl.oauthbearer.metadata.authentication.type none|azure_imds|aws_iam
* plugin.library.paths
- interceptors
C group.id
C group.instance.id
C partition.assignment.strategy
C session.timeout.ms 1..3600000
C heartbeat.interval.ms 1..3600000
C group.protocol.type
C group.protocol classic|consumer
C group.remote.assignor
C coordinator.query.interval.ms 1..3600000
C max.poll.interval.ms 1..86400000
C enable.auto.commit bool
C auto.commit.interval.ms 0..86400000
C enable.auto.offset.store bool
C queued.min.messages 1..10000000
C queued.max.messages.kbytes 1..2097151
C fetch.wait.max.ms 0..300000
C fetch.queue.backoff.ms 0..300000
C fetch.message.max.bytes 1..1000000000
C max.partition.fetch.bytes 1..1000000000
C fetch.max.bytes 0..2147483135
C fetch.min.bytes 0..2147483647
C fetch.error.backoff.ms 0..300000
C offset.store.method none|file|broker
C isolation.level read_uncommitted|read_committed
- consume_cb
- rebalance_cb
- offset_commit_cb
C enable.partition.eof bool
C check.crcs bool
* client.rack
C max.poll.records 1..2147483647
C share.acknowledgement.mode
P transactional.id
P transaction.timeout.ms 1000..2147483647
P enable.idempotence bool
P enable.gapless.guarantee bool
P queue.buffering.max.messages 0..2147483647
P queue.buffering.max.kbytes 1..2147483647
P queue.buffering.max.ms number
P linger.ms number
P message.send.max.retries 0..2147483647
P retries 0..2147483647
* retry.backoff.ms 1..300000
* retry.backoff.max.ms 1..300000
P queue.buffering.backpressure.threshold 1..1000000
P compression.codec none|gzip|snappy|lz4|zstd
P compression.type none|gzip|snappy|lz4|zstd
P batch.num.messages 1..1000000
P batch.size 1..2147483647
P delivery.report.only.error bool
- dr_cb
- dr_msg_cb
P sticky.partitioning.linger.ms 0..900000
* client.dns.lookup use_all_dns_ips|resolve_canonical_bootstrap_servers_only
* enable.metrics.push bool
P request.required.acks
P acks
P request.timeout.ms 1..900000
P message.timeout.ms 0..2147483647
P delivery.timeout.ms 0..2147483647
P queuing.strategy fifo|lifo
P produce.offset.report bool
P partitioner
- partitioner_cb
- msg_order_cmp
P compression.level -1..12
C auto.commit.enable bool
C auto.offset.reset smallest|earliest|beginning|largest|latest|end|error
C offset.store.path
C offset.store.sync.interval.ms -1..86400000
C consume.callback.max.messages 0..1000000
"""


def _read(line: str) -> tuple[str, Property]:
    user, name, values = f"{line} ".split(" ", 2)
    return name, Property(user, values.strip())  # type: ignore[arg-type]


PROPERTIES: Final[dict[str, Property]] = dict(map(_read, _TABLE.strip().splitlines()))
