"""Backends are tested against the lab's real servers; each starts when the first test asks for it."""

from tests.lab.fixtures import (  # noqa: F401
    activemq_hardened,
    activemq_old,
    agents,
    bare_lab,
    feeder,
    kafka3,
    kafka4,
    lab,
    lab_root,
    partner,
    zookeeper,
)
