"""The lab's servers are for every test: one lab a run, each server started when the first test asks for it."""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.lab.fixtures"]

# Examples are the same in every run, so that a failure is about the change; `--hypothesis-profile=explore` looks for new ones. No test is
# timed: the machines are shared.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("project", _UNTIMED, derandomize=True)
settings.register_profile("explore", _UNTIMED)
settings.load_profile("project")

os.environ.pop("PYTHONUNBUFFERED", None)  # of CI machines; users have it seldom, and what is not flushed shows only without it
