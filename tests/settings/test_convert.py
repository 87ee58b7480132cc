"""Typed values from YAML: what is right arrives as its type, what is wrong is named where it stands."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from settings.convert import BROKEN, Converter, TooLarge
from settings.forms import Address, Misfit
from settings.publish import json_schema, to_plain
from settings.secret import Secret
from settings.tree import MAX_DEPTH, NotYaml, read_tree
from settings.units import Duration, Size
from settings.wording import spell


class Znodes(Struct, frozen=True, forbid_unknown_fields=True, tag="csv", tag_field="layout"):
    path: str


class Groups(Struct, frozen=True, forbid_unknown_fields=True, tag="group", tag_field="layout"):
    groups: list[str] = []


class Window(Struct, frozen=True, forbid_unknown_fields=True):
    first: Duration = 1.0
    last: Duration = 2.0

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise Misfit("ends before it begins", "last")


class Whole(Struct, frozen=True, forbid_unknown_fields=True):
    name: str = "x"
    wait: Duration = 5.0
    room: Size = 1024
    at: Address | None = None
    count: Annotated[int, Meta(ge=1, le=9)] = 1
    share: float = 0.5
    on_: bool = msgspec.field(default=False, name="enabled")
    mode: Literal["fast", "slow"] = "fast"
    secret: Secret | None = None
    options: dict[str, str | int | bool | Secret] = {}
    seen: list[Znodes | Groups] = []
    window: Window = Window()
    other: Any = None


def convert(text: str, kind: Any = Whole) -> tuple[Any, list[str]]:
    converter = Converter()
    root = read_tree(text.encode())
    assert root is not None
    value = converter.convert(root, kind)
    return value, [f"{line}:{column} {path}: {said}" for (line, column), path, said in sorted(converter.mistakes)]


def test_every_type_arrives_as_itself() -> None:
    value, mistakes = convert("""
name: a
wait: 1.5m
room: 64KiB
at: 127.0.0.1:9400
count: 3
share: 2
enabled: true
mode: slow
secret: {env: NAME}
options: {a: text, b: 5, c: true, sasl.password: {file: /x}}
seen: [{layout: csv, path: /a}, {layout: group, groups: ["*"]}]
window: {first: 1s, last: 3s}
other: {a: [1, 2.5, null, false, x]}
""")
    assert mistakes == []
    assert value == Whole(
        name="a",
        wait=90.0,
        room=65536,
        at="127.0.0.1:9400",
        count=3,
        share=2.0,
        on_=True,
        mode="slow",
        secret=Secret(env="NAME"),
        options={"a": "text", "b": 5, "c": True, "sasl.password": Secret(file="/x")},
        seen=[Znodes("/a"), Groups(["*"])],
        window=Window(1.0, 3.0),
        other={"a": [1, 2.5, None, False, "x"]},
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: 12", "1:7 name: a text is wanted, not '12'; put it in quotes: '12'"),
        ("name: [a]", "1:7 name: a text is wanted, not a list"),
        ("name:", "1:6 name: a text is wanted, not nothing"),
        ("name: off", "1:7 name: off means false in YAML 1.1; write true or false, or put it in quotes"),
        ("name: 2026-01-01", "1:7 name: a text is wanted, not '2026-01-01'; put it in quotes: '2026-01-01'"),
        ("wait: 5", "1:7 wait: '5' is no duration; write a number and a unit, such as 500ms, 5s, 2m, 1h or 7d"),
        ("wait: 1:30", "1:7 wait: 1:30 is a number of base 60 in YAML 1.1; write a duration such as 90s, or put it in quotes"),
        ("room: 1KB", "1:7 room: '1KB' is no size; write a whole number and a unit, such as 4096, 64KiB or 1MiB"),
        ("at: nowhere", "1:5 at: 'nowhere' is no address; write host:port, such as 127.0.0.1:9400"),
        ("at: a:70000", "1:5 at: port 70000 is out of range; ports are 1 to 65535"),
        ("count: 10", "1:8 count: 10 is too large; at most 9"),
        ("count: 010", "1:8 count: 010 is octal, hexadecimal or has _ in YAML 1.1; write plain digits, or put it in quotes"),
        ("count: '3'", "1:8 count: a whole number is wanted, not '3'; take the quotes away"),
        ("share: .inf", "1:8 share: .inf is not a plain decimal number"),
        ("enabled: yes", "1:10 enabled: yes means true in YAML 1.1; write true or false, or put it in quotes"),
        ("mode: slwo", "1:7 mode: 'slwo' is not one of fast, slow; did you mean 'slow'?"),
        ("seen: [{path: /a}]", "1:8 seen[0].layout: missing; one of csv, group is wanted"),
        ("seen: [{layout: cvs}]", "1:17 seen[0].layout: 'cvs' is not one of csv, group; did you mean 'csv'?"),
        ("seen: [{layout: csv}]", "1:8 seen[0].path: missing"),
        ("seen: {layout: csv}", "1:7 seen: a list is wanted, not keys and values; write [a, b] or lines that begin with -"),
        ("window: {first: 3s}", "1:9 window.last: ends before it begins"),
        ("window: {first: 3s, last: 1s}", "1:27 window.last: ends before it begins"),
        ("nmae: x", "1:1 nmae: unknown key; did you mean 'name'?"),
        ("name: x\nname: y", "2:1 name: the key stands twice; first in line 1"),
        ("other: {a: 1, a: 2}", "1:15 other.a: the key stands twice; first in line 1"),
        ("other: {on: 1}", "1:9 other.on: on means true in YAML 1.1; write true or false, or put it in quotes"),
        ("other: [1:30]", "1:9 other[0]: 1:30 is a number of base 60 in YAML 1.1; write a duration such as 90s, or put it in quotes"),
        ("other: !!python/object:os.system x", "1:8 other: a tag (!name) has no meaning here"),
        ("? [a]\n: x", "1:3 : a key is a text"),
        ("options: {a: [x]}", "1:14 options.a: a text is wanted, not a list"),
    ],
)
def test_a_mistake_is_named_where_it_stands(text: str, said: str) -> None:
    assert convert(text)[1] == [said]


@pytest.mark.parametrize(
    "text",
    [
        "secret: hunter2",
        "secret: [hunter2]",
        "secret: {env: A, file: hunter2}",
        "options: {sasl.password: hunter2}",
        "secret: {text: hunter2}",
        "options: {token: 0hunter2}",
        "other: {password: 0x68756e746572_32}",
        "secret: 12:34:56",
    ],
)
def test_a_literal_secret_is_a_mistake_and_is_never_repeated(text: str) -> None:
    _, mistakes = convert(text)
    assert mistakes
    assert not any(secret in " ".join(mistakes) for secret in ("hunter2", "12:34", "68756e"))


def test_a_secret_is_exactly_one_reference() -> None:
    assert convert("secret: {}")[1] == convert("secret: {env: A, credential: B}")[1]
    assert "exactly one of env, file and credential" in convert("secret: {}")[1][0]
    assert "exactly one" in convert("secret: {env: ''}")[1][0]


def test_every_mistake_is_told_at_once_in_the_order_of_the_file() -> None:
    _, mistakes = convert("nmae: x\nwait: 5\ncount: 0\nmode: x\nwindow: {frist: 1s, last: 5}\nseen: [{layout: csv}, 3]\nwait: 1s\n")
    assert [mistake.split(" ")[0] for mistake in mistakes] == ["1:1", "2:7", "3:8", "4:7", "5:10", "5:27", "6:8", "6:23", "7:1"]


def test_a_broken_value_gives_way_to_its_default_so_that_the_rest_is_looked_at() -> None:
    value, mistakes = convert("wait: x\ncount: 2\n")
    assert (value.wait, value.count, len(mistakes)) == (5.0, 2, 1)


def test_a_broken_value_that_has_no_default_breaks_what_holds_it() -> None:
    assert convert("path: [1]", Znodes)[0] is BROKEN


def test_a_misspelt_key_is_not_also_a_missing_one() -> None:
    assert convert("pth: /a", Znodes)[1] == ["1:1 pth: unknown key; did you mean 'path'?"]


def test_a_key_whose_lines_are_all_comments_is_the_same_as_no_key() -> None:
    value, mistakes = convert("seen:\n  # - {layout: csv}\nwindow:\noptions:\n")
    assert (mistakes, value) == ([], Whole())


def test_anchors_and_merged_keys_are_followed_and_their_own_keys_win() -> None:
    value, mistakes = convert("other: {}\nwindow: &w {first: 2s}\n<<: {wait: 7s, name: merged}\nname: own\n")
    assert mistakes == []
    assert (value.wait, value.name, value.window.first) == (7.0, "own", 2.0)


def test_a_mistake_behind_an_anchor_is_told_where_it_is_written() -> None:
    assert convert("other: &a\n  - 1:30\nseen: []\n")[1][0].startswith("2:5 ")
    assert convert("<<: {wait: x}\n")[1][0].startswith("1:12 wait: ")


def test_aliases_of_aliases_are_not_followed_for_ever() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 8)]
    with pytest.raises(TooLarge):
        convert("\n".join(lines), dict[str, Any])


def test_an_anchor_that_contains_itself_ends() -> None:
    _, mistakes = convert("other: &a [*a]")
    assert f"deeper than {MAX_DEPTH} levels" in mistakes[0]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_values_or_mistakes(raw: bytes) -> None:
    converter = Converter()
    try:
        root = read_tree(raw)
    except NotYaml as error:
        assert error.mistake.place.line >= 1
        return
    if root is not None:
        for kind in (Whole, dict[str, Any]):
            assert converter.convert(root, kind) is not BROKEN or converter.mistakes


pieces = st.sampled_from(
    ["name: ", "wait: ", "seen:\n", "  - ", "layout: csv", "{", "}", "[", "]", "&a ", "*a", "<<: ", "\n", "'", "5s", "on", ": "]
)


@given(st.lists(pieces, max_size=25).map("".join))
def test_any_heap_of_yaml_is_values_or_mistakes(text: str) -> None:
    test_any_bytes_are_values_or_mistakes.hypothesis.inner_test(text.encode())  # type: ignore[attr-defined]


def test_a_path_is_spelt_as_operators_say_it() -> None:
    assert spell(("kafka", 0, "options", "sasl.password")) == "kafka[0].options.sasl.password"
    assert spell(("a\x1b[31m",)) == "['a\\x1b[31m']"


def test_what_is_shown_reads_back_as_the_same() -> None:
    import yaml

    value, _ = convert("wait: 90s\nroom: 2MiB\nsecret: {env: A}\nseen: [{layout: csv, path: /a}]\noptions: {p: {file: /x}}\n")
    shown = yaml.safe_dump(to_plain(value, Whole))
    assert convert(shown) == (value, [])


def test_the_schema_speaks_as_operators_write() -> None:
    schema = json_schema(Whole)["$defs"]
    assert schema["Whole"]["properties"]["wait"]["default"] == "5s"
    assert schema["Whole"]["properties"]["room"]["default"] == "1KiB"
    assert schema["Secret"]["maxProperties"] == 1
