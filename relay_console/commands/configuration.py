"""``config check``, ``config show``, ``config schema``."""

from typing import Any

import click

from relay_console.config import load
from relay_console.options import Shared, config_option
from relay_console.sections import sections


@click.group()
def config() -> None:
    """Check the configuration, show it whole, print its schema."""


@config.command()
@config_option
@click.pass_obj
def check(shared: Shared, /, **given: Any) -> None:
    """Name every mistake with its line and column; exit code 78 if there is one."""
    found = load(shared.over(given).path)
    click.echo(f"{found.path}: ok")


@config.command()
@config_option
@click.pass_obj
def show(shared: Shared, /, **given: Any) -> None:
    """The whole configuration as it counts, defaults included. Secrets are shown as references."""
    import yaml

    from settings.publish import to_plain

    found = load(shared.over(given).path)
    plain = {section.key: to_plain(found.sections[section.key], section.kind) for section in sections()}
    click.echo(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120), nl=False)


@config.command()
def schema() -> None:
    """The JSON Schema that editors use."""
    click.echo(schema_text(), nl=False)


def schema_text() -> str:
    """What docs/config.schema.json holds."""
    import json

    import msgspec

    from settings.publish import json_schema

    fields = [(section.key, section.kind, msgspec.field(default_factory=_constant(section.default))) for section in sections()]
    whole = msgspec.defstruct("Configuration", fields, forbid_unknown_fields=True)
    shown = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "config.yaml of relay-console", **json_schema(whole)}
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


def _constant(value: Any) -> Any:
    return lambda: value
