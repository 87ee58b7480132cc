"""All trouble with a broker in plain words: what, why, what next. Pure."""

from collections.abc import Mapping

from backends.activemq.config import BrokerSection
from backends.activemq.jolokia import JolokiaError, Trouble
from backends.snapshots import State
from backends.source import Unavailable


def unavailable(error: JolokiaError, section: BrokerSection, key: str) -> Unavailable:
    """`key`: the place of the section in the configuration, "activemq[0]"."""
    state, sentence = SENTENCES[error.trouble]
    who = f"user '{section.user}'" if section.user else "a request without a login"
    return Unavailable(sentence.format(url=section.jolokia, key=key, who=who, detail=error.detail), state)


SENTENCES: Mapping[Trouble, tuple[State, str]] = {
    "connect": ("down", "cannot connect to {url}: {detail}; start the broker, or correct {key}.jolokia"),
    "silent": ("down", "{url} accepts connections but does not answer ({detail}); is the broker hung or overloaded?"),
    "cut": ("down", "{url} ended the connection before its reply was whole ({detail}); is the broker stopping?"),
    "tls": ("down", "TLS with {url} failed: {detail}; its certificate must be trusted by this host (SSL_CERT_FILE names a private CA)"),
    "login": ("denied", "401 from Jolokia: {who} was refused; set {key}.user and {key}.password"),
    "role": (
        "denied",
        "403 from Jolokia: {who} lacks the role (admins on newer brokers), or this host may not ask; set {key}.user to one that may",
    ),
    "path": ("down", "no Jolokia at {url} ({detail}); the usual path is /api/jolokia/, correct {key}.jolokia"),
    "busy": ("stale", "429 from Jolokia: too many requests from this host; raise {key}.interval, or the broker's limit"),
    "server": ("down", "{url} failed ({detail}); look into the broker's log"),
    "redirect": ("down", "{url} redirects to {detail!r}: a login page or a proxy, not Jolokia; correct {key}.jolokia"),
    "foreign": ("down", "what answers at {url} is not Jolokia ({detail}); correct {key}.jolokia"),
    "large": ("down", "the reply of {url} is too large ({detail}); is it really this broker's Jolokia?"),
    "broken": ("down", "the reply of {url} cannot be read ({detail}); the next try may do, else look into the broker's log"),
    "policy": (
        "denied",
        "Jolokia's policy refuses us ({detail}); allow it in the broker's jolokia-access.xml, or check the proxy in between",
    ),
    "rejected": ("down", "Jolokia could not answer ({detail}); look into the broker's log"),
    "absent": (
        "down",
        "Jolokia answers at {url}, but finds no ActiveMQ broker ({detail}); is it another program's, or is the broker starting?",
    ),
}
