"""How an operator may say where the times stand, and what contradicts itself."""

from datetime import UTC
from typing import Any

import msgspec
import pytest

from backends.kafka.config import Payload, TopicPayload
from backends.kafka.forms import wanted_of
from settings.forms import Misfit


@pytest.mark.parametrize(
    ("keys", "key", "text"),
    [
        ({"format": "csv", "loaded": "/x"}, "loaded", "a JSON pointer, and the format is csv"),
        ({"format": "json", "sent": 6}, "sent", "a column number, and the format is json"),
        ({"loaded": 5, "sent": "/x"}, "loaded", "do not go together"),
        ({"format": "json", "delimiter": ","}, "delimiter", "only csv has a delimiter"),
        ({"loaded": "/x", "delimiter": ","}, "delimiter", "only csv has a delimiter"),
        ({"format": "none", "loaded": 5}, "loaded", "looks at no value"),
        ({"loaded": None, "sent": None}, "format", "write format: none"),
        ({"loaded": 5, "sent": 5}, "sent", "the same place"),
    ],
)
def test_a_payload_that_contradicts_itself_is_refused_at_the_culprit(keys: dict[str, Any], key: str, text: str) -> None:
    with pytest.raises(Misfit, match=text) as refused:
        Payload(**keys)
    assert refused.value.keys == (key,)


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"format": "csv", "delimiter": ",", "loaded": 5, "sent": 6, "time": "auto", "timezone": "Asia/Seoul"},
        {"format": "json", "loaded": "/meta/loaded_at", "sent": None},
        {"format": "none"},
        {"loaded": "auto", "sent": None},
        {"delimiter": "\t"},
    ],
)
def test_payloads_as_operators_write_them_are_taken(keys: dict[str, Any]) -> None:
    assert msgspec.convert({"topic": "a*", **keys}, type=TopicPayload).topic == "a*"
    assert msgspec.convert(keys, type=Payload) == Payload(**keys)


@pytest.mark.parametrize(
    ("keys", "kind"),
    [({}, "auto"), ({"loaded": 5}, "csv"), ({"delimiter": "|"}, "csv"), ({"sent": "/a"}, "json"), ({"format": "json"}, "json")],
)
def test_a_column_or_delimiter_means_csv_and_a_pointer_json(keys: dict[str, Any], kind: str) -> None:
    wanted = wanted_of(Payload(**keys), UTC)
    assert wanted is not None and wanted.format == kind
    assert wanted_of(Payload("none"), UTC) is None
