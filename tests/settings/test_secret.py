"""A secret is read where its reference leads, and every message names the reference alone."""

from pathlib import Path

import pytest

from settings.secret import Secret, SecretUnavailable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("hunter2\n")
    file.chmod(0o600)
    return file


def test_it_is_read_where_its_reference_leads(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "hunter2")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent))
    assert Secret(env="PLANTED").read() == "hunter2"
    assert Secret(file=str(file)).read() == "hunter2"
    assert Secret(credential="password").read() == "hunter2"


def test_its_own_form_holds_no_secret(file: Path) -> None:
    secret = Secret(file=str(file))
    secret.read()
    assert "hunter2" not in repr(secret)


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (Secret(env="NOT_THERE"), "environment variable NOT_THERE is not set"),
        (Secret(file="/nowhere/password"), "/nowhere/password: No such file"),
        (Secret(credential="mq"), r"\$CREDENTIALS_DIRECTORY is not set"),
    ],
)
def test_a_reference_that_leads_nowhere_says_which(secret: Secret, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv("NOT_THERE", raising=False)
    with pytest.raises(SecretUnavailable, match=said):
        secret.read()


def test_a_file_that_others_can_read_is_refused_with_the_remedy(file: Path) -> None:
    file.chmod(0o640)
    with pytest.raises(SecretUnavailable, match="chmod 600") as caught:
        Secret(file=str(file)).read()
    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(file: Path) -> None:
    file.write_bytes(b"\xffhunter2")
    with pytest.raises(SecretUnavailable, match="not UTF-8") as caught:
        Secret(file=str(file)).read()
    assert "hunter2" not in str(caught.value)
