"""No secret leaves a process, however it is written and wherever it stands; and what is none stays."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assistant_pipelines.redaction import HINTS, LEAST, LEAST_IN_BASE64, Redactor

SECRETS = st.text(min_size=LEAST, max_size=40).filter(lambda text: text.encode("utf-8", "replace").decode() == text)
AROUND = st.text(st.characters(codec="utf-8"), max_size=20)


def in_base64(secret: str) -> str:
    return base64.b64encode(f"user:{secret}:more".encode()).decode()


WAYS = {
    "plain": lambda each: each,
    "in a path": quote,
    "in a parameter": lambda each: quote(each, safe=""),
    "in a form": quote_plus,
    "in JSON": lambda each: json.dumps(each)[1:-1],
    "in JSON as it is": lambda each: json.dumps(each, ensure_ascii=False)[1:-1],
    "shown": lambda each: repr(each)[1:-1],
    "shown in ASCII": lambda each: ascii(each)[1:-1],
    "octets": lambda each: repr(each.encode())[2:-1],
}


def nested(text: str) -> list[Any]:
    """Events that hold a text, each in another place."""
    return [
        {"message": text},
        {"message": "", "headers": [[{"name": text}]]},
        {"message": "", text: 1},
        {"message": json.dumps({"inside": [text]})},
        {"message": repr({"inside": {text}})},
    ]


def strings(value: Any) -> list[str]:
    """All texts of an event, its names as well."""
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in strings(each)]
    return [text for each in value for text in strings(each)] if isinstance(value, list) else [str(value)]


@given(SECRETS, AROUND, AROUND, st.sampled_from(sorted(WAYS)))
def test_a_known_secret_is_found_however_it_is_written(secret: str, before: str, after: str, way: str) -> None:
    written = WAYS[way](secret)
    assert Redactor([secret])(f"{before}{written}{after}") != f"{before}{written}{after}"
    for event in nested(f"{before}{written}{after}"):
        line = Redactor([secret]).line(orjson.dumps(event).decode())
        assert not [text for text in strings(json.loads(line)) if secret in text.replace("***", "")]


@given(st.text(st.characters(codec="ascii", exclude_characters="*"), min_size=LEAST_IN_BASE64, max_size=40), AROUND)
def test_it_is_found_in_base64_at_any_place(secret: str, before: str) -> None:
    text = base64.b64encode(f"{before}{secret}".encode()).decode()
    assert "***" in Redactor([secret])(text)
    assert "***" in Redactor([secret])(base64.urlsafe_b64encode(f"{before}{secret}".encode()).decode())


def test_of_two_secrets_the_longer_goes_first() -> None:
    assert Redactor(["abcd", "abcdefgh"])("abcdefgh") == "***"


def test_a_number_may_be_a_password() -> None:
    assert json.loads(Redactor(["12345678"]).line('{"a": 12345678, "b": 7, "c": true, "d": null}')) == {
        "a": "***",
        "b": 7,
        "c": True,
        "d": None,
    }


KEY = "k3y-0f-s0mebody"

STRANGE = [
    f"Authorization: Bearer {KEY}",
    f"authorization: {KEY}",
    f"{{'Authorization': 'Bearer {KEY}'}}",
    f'{{"X-API-Key": "{KEY}"}}',
    f"[(b'authorization', b'Basic {base64.b64encode(KEY.encode()).decode()}')]",
    f"Proxy-Authorization: Basic {base64.b64encode(KEY.encode()).decode()}",
    f"Set-Cookie: key={KEY}; HttpOnly",
    f"sent with Bearer {KEY}",
    f"https://api.example/x?page=1&token={KEY}&y=2",
    f"https://api.example/x?api_key={KEY}",
    f"https://api.example/x?key={KEY}",
    f"https://oapi.dingtalk.com/robot/send?access_token={KEY}",
    f"https://open.feishu.cn/open-apis/bot/v2/hook/{KEY}",
    f"https://hooks.slack.com/services/T0/B0/{KEY}",
    f"https://api.telegram.org/bot1:{KEY}/sendMessage",
    f"feishu://{KEY}",
    f"mailtos://me:{KEY}@mail.example?to=you@mail.example",
    f"postgresql+psycopg2://me:{KEY}@host:5432/name",
    f"postgresql://me:{KEY}@more@host/name",
    f"host=h user=u password={KEY} dbname=d",
    f"host=h password='{KEY} \\' more' dbname=d",
    f"POSTGRES_PASSWORD={KEY}",
    f"LLM_API_KEY={KEY}",
    f'{{"token": "{KEY}"}}',
    json.dumps(json.dumps({"tushare_token": KEY})),
    f"{{'client_secret': '{KEY}'}}",
    f"sa_{KEY}aaaaaaaa",
    f"sk-{KEY}aaaaaaaa",
]


@pytest.mark.parametrize("text", STRANGE)
def test_a_secret_of_somebody_is_found_by_what_stands_around_it(text: str) -> None:
    hides = Redactor()
    assert KEY not in hides(text)
    assert base64.b64encode(KEY.encode()).decode() not in hides(text)
    assert KEY not in hides.line(orjson.dumps({"message": text, "also": [text]}).decode())
    assert hides(hides(text)) == hides(text)


@pytest.mark.parametrize(
    "name", ["token", "Authorization", "X-API-Key", "postgres_password", "Cookie", "client_secret"]
)
def test_a_field_that_is_named_for_it_is_not_shown(name: str) -> None:
    line = Redactor().line(orjson.dumps({"message": "", "more": {name: [KEY]}, name: 12345}).decode())
    assert json.loads(line) == {"message": "", "more": {name: "***"}, name: "***"}


@pytest.mark.parametrize(
    "text",
    [
        "TUSHARE_TOKEN: takes a text",
        "the token is wrong: it was refused",
        "https://h.example:8443/api/v1/stocks?start=20240102 and me@mail.example",
        "stock_basic: 5,000 rows; token_count=12 tokens: 4096",
        "max_tokens=4096",
        "daily: 2024-01-02 complete",
        "postgresql://me@host:5432/name",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor(["k3y-0f-us"])(text) == text


def test_a_field_that_is_empty_says_so() -> None:
    line = '{"token":null,"password":"","secret":false}'
    assert Redactor().line(line) == line


def test_what_has_a_shape_is_looked_at() -> None:
    assert all(any(hint in text.lower() for hint in HINTS) for text in STRANGE)
