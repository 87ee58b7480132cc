"""The lab's servers are for every test: one lab a run, each server started when the first test asks for it."""

import os

pytest_plugins = ["tests.lab.fixtures"]

os.environ.pop("PYTHONUNBUFFERED", None)  # of CI machines; users have it seldom, and what is not flushed shows only without it
