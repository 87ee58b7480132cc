"""The lab's own tests use the fixtures they offer to others."""

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
