"""The lab: real servers on free loopback ports, kept moving by a script whose truth is known (truth.py).

`python -m tests.lab` starts all and waits; `python -m tests.lab run` opens relay-console on them; tests use fixtures.py.
"""
