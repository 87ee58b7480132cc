"""The lab's servers are for every test: one lab a run, each server started when the first test asks for it."""

pytest_plugins = ["tests.lab.fixtures"]
