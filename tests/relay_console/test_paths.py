"""Where things are looked for, and in which order."""

from pathlib import Path

import pytest

from relay_console import paths


def test_an_option_counts_more_than_the_environment_and_that_more_than_any_place(tmp_path: Path) -> None:
    mine = tmp_path / "relay-console" / "config.yaml"
    environ = {"RELAY_CONSOLE_CONFIG": "/env.yaml", "XDG_CONFIG_HOME": str(tmp_path)}
    assert paths.find_configuration("/option.yaml", environ) == Path("/option.yaml")
    assert paths.find_configuration(None, environ) == Path("/env.yaml")
    del environ["RELAY_CONSOLE_CONFIG"]
    assert paths.find_configuration(None, environ) != mine
    mine.parent.mkdir()
    mine.touch()
    assert paths.find_configuration(None, environ) == mine


def test_the_last_resort_is_the_shipped_file(tmp_path: Path) -> None:
    found = paths.shipped_configuration()
    assert found.name == "config.yaml" and found.is_file()


def test_a_relative_xdg_directory_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/kim")
    assert paths.state_directory({"XDG_STATE_HOME": "state"}) == Path("/home/kim/.local/state/relay-console")
    assert paths.state_directory({"XDG_STATE_HOME": "/s"}) == Path("/s/relay-console")


def test_a_socket_too_long_for_the_system_is_known_before_it_is_made() -> None:
    assert paths.length_fault(Path("/" + "d" * 86)) is None
    assert "107" in (paths.length_fault(Path("/" + "d" * 90)) or "")
    assert paths.length_fault(Path("/" + "한" * 30)) is not None  # bytes count, not letters
