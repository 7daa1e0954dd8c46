"""Research reports over HTTP: what was written, of what, what was left out, and every figure back to its row."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest
from research_reports import (
    ABSTAINED,
    BEGUN,
    DAY,
    ENGLISH,
    FAILED,
    HOSTILE,
    MADE,
    MAOTAI,
    PINGAN,
    PUBLISHED,
    SHEET,
    TEXT,
)
from small_market import application, served

from api import cursors

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

REPORTS = "/api/v1/reports"


@pytest.fixture(scope="module")
def client(research: str) -> Iterator[httpx2.Client]:
    with served(application(research)) as client:
        yield client


def told(client: httpx2.Client, path: str, **query: Any) -> Any:
    answer = client.get(f"{REPORTS}{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(client: httpx2.Client, **query: Any) -> list[str]:
    return [one["id"] for one in told(client, "", **query)["items"]]


# --- the list


def test_the_newest_day_comes_first_and_of_a_stock_the_newest_made(client: httpx2.Client) -> None:
    assert ids(client) == [ABSTAINED, ENGLISH, PUBLISHED, FAILED]
    assert ids(client, order="asc") == [FAILED, ABSTAINED, ENGLISH, PUBLISHED]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"ts_code": MAOTAI}, [ENGLISH, PUBLISHED, FAILED]),
        ({"trade_date": "20240103"}, [FAILED]),
        ({"start": "2024-01-04"}, [ABSTAINED, ENGLISH, PUBLISHED]),
        ({"end": "20240103"}, [FAILED]),
        ({"status": "abstained"}, [ABSTAINED]),
        ({"stance": "outperform"}, [PUBLISHED]),
        ({"model": "qwen3.8-max"}, [ENGLISH]),
        ({"language": "en"}, [ENGLISH]),
        ({"forward": "false"}, [ENGLISH]),
        ({"forward": "true", "ts_code": MAOTAI, "status": "published"}, [PUBLISHED]),
        ({"ts_code": "600000.SH"}, []),
    ],
)
def test_filters_are_joined(client: httpx2.Client, query: dict[str, str], found: list[str]) -> None:
    assert ids(client, **query) == found


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_page_after_page_gives_every_report_once(client: httpx2.Client, order: str, limit: int) -> None:
    found, url = [], f"{REPORTS}?order={order}&limit={limit}"
    while url:
        answer = client.get(url)
        page = answer.json()
        found += [one["id"] for one in page["items"]]
        assert page["meta"]["rows"] == len(page["items"]) <= limit
        url = answer.links["next"]["url"] if "next" in answer.links else ""
        assert dict(parse_qsl(urlsplit(url).query)).get("cursor") == page["meta"]["next_cursor"]
    assert found == ids(client, order=order)


@pytest.mark.parametrize("change", [{"order": "asc"}, {"ts_code": MAOTAI}, {"cursor": "short"}])
def test_a_cursor_is_its_questions_alone(client: httpx2.Client, change: dict[str, str]) -> None:
    cursor = told(client, "", limit=1)["meta"]["next_cursor"]
    answer = client.get(REPORTS, params={"limit": 1, "cursor": cursor, **change})
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/invalid-cursor")


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+08:00", "yesterday", "2024-01-04", "9999-12-31T23:59:59-08:00"]
)
def test_a_moment_that_somebody_made_up_is_no_mistake_of_ours(client: httpx2.Client, moment: str) -> None:
    told = f'["2024-01-04","600519.SH","{moment}","x"]'.encode()
    mark = cursors._mark(["reports", {}, None, None, "desc"], told)
    answer = client.get(REPORTS, params={"cursor": urlsafe_b64encode(mark + told).decode().rstrip("=")})
    assert answer.status_code == (200 if moment == "2024-01-04" else 400), answer.text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"colour": "red"}, "takes start, end, ts_code"),
        ({"status": "good"}, "status"),
        ({"trade_date": "20240103", "end": "20240104"}, "leave one of them out"),
        ({"start": "20240104", "end": "20240103"}, "exchange them"),
        ({"limit": "1001"}, "limit"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(client: httpx2.Client, query: dict[str, str], words: str) -> None:
    answer = client.get(REPORTS, params=query)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


# --- one report


def test_a_report_tells_its_stance_and_of_what_it_was_made(client: httpx2.Client) -> None:
    report = told(client, f"/{PUBLISHED}")
    assert {name: report[name] for name in ("stance", "horizon", "probability", "status", "forward")} == {
        "stance": "outperform",
        "horizon": 20,
        "probability": 0.62,
        "status": "published",
        "forward": True,
    }
    assert report["label"] == "rules, not a model"
    assert report["evidence_sha256"] == SHEET.sha256
    assert datetime.fromisoformat(report["made_at"]) == MADE
    assert report["made_at"].endswith("+08:00")
    assert report["missing"] == dict(SHEET.missing)
    assert report["cost"] == {
        "calls": 3,
        "cost_cny": 0.0246,
        "tokens_in": 3007,
        "tokens_cached": 1500,
        "tokens_out": 600,
    }
    assert report["outcomes"][0]["lacks"] == "index_daily has not landed"
    assert told(client, f"/{ENGLISH}")["label"] is None


def test_what_was_dropped_stands_apart_with_the_reason(client: httpx2.Client) -> None:
    notes = {note["expert"]: note for note in told(client, f"/{PUBLISHED}")["experts"]}
    assert next(iter(notes)) == "synthesis"
    technical = notes["technical"]
    assert [claim["place"] for claim in technical["claims"]] == ["summary", "claims[0]"]
    (dropped,) = technical["dropped"]
    assert dropped["violations"] == [{"rule": "direction", "detail": "The figure falls."}]
    assert (notes["valuation"]["status"], notes["valuation"]["claims"]) == ("absent", [])
    assert notes["news"]["label"] == "rules, not a model"


def test_a_report_of_which_rules_wrote_a_note_says_so(client: httpx2.Client, research: str) -> None:
    def labels() -> set[str | None]:
        listed = {one["id"]: one["label"] for one in told(client, "", trade_date="20240104")["items"]}
        return {told(client, f"/{ENGLISH}")["label"], listed[ENGLISH]}

    change = "update research_note set provider = %s, model = %s where report_id = %s and expert = 'news'"
    assert labels() == {None}
    with psycopg.connect(research, autocommit=True) as connection:
        before = connection.execute(
            "select provider, model from research_note where report_id = %s and expert = 'news'", [ENGLISH]
        ).fetchone()
        assert before
        connection.execute(change, ["sandbox", "sandbox-rules", ENGLISH])
        try:
            assert labels() == {"rules, not a model"}
            assert "rules_noted" not in told(client, f"/{ENGLISH}")
        finally:
            connection.execute(change, [*before, ENGLISH])


def test_what_a_synthesis_that_abstains_argues_is_no_part_of_the_report(client: httpx2.Client) -> None:
    (synthesis,) = told(client, f"/{ABSTAINED}")["experts"]
    assert (synthesis["claims"], synthesis["dropped"]) == ([], [])
    assert [claim["held"] for claim in told(client, f"/{ABSTAINED}/claims")["items"]] == [True]


def test_every_printed_figure_is_where_its_span_says_and_made_of_known_items(client: httpx2.Client) -> None:
    known = {item["id"]: item for item in told(client, f"/{PUBLISHED}/evidence")["items"]}
    claims = told(client, f"/{PUBLISHED}/claims")["items"]
    printed = {claim["text"][span["start"] : span["end"]]: span for claim in claims for span in claim["spans"]}
    assert {"1,669.00元", "-1.48%", "-1.5%", "710.00元", "营业收入", HOSTILE} <= printed.keys()
    for span in printed.values():
        assert set(span["ids"]) <= known.keys()
    assert printed["1,669.00元"]["value"] == known["close"]["value"] == 1669
    assert printed["-1.5%"]["function"] == "change"


def test_the_list_of_claims_is_that_of_the_experts(client: httpx2.Client) -> None:
    report = told(client, f"/{PUBLISHED}")
    claims = told(client, f"/{PUBLISHED}/claims")
    by_expert = [one for note in report["experts"] for one in note["claims"] + note["dropped"]]
    assert sorted(map(str, claims["items"])) == sorted(map(str, by_expert))
    assert claims["meta"] == {"report_id": PUBLISHED, "rows": 7}


def test_evidence_is_exact_and_leads_to_its_rows(client: httpx2.Client) -> None:
    sheet = told(client, f"/{PUBLISHED}/evidence")
    assert sheet["meta"]["sha256"] == SHEET.sha256
    assert [item["id"] for item in sheet["items"]] == [item.id for item in SHEET.items]
    raw = client.get(f"{REPORTS}/{PUBLISHED}/evidence").text
    assert '"value":-1.475796930342384887839433294}' in raw, "to the digit"
    items = {item["id"]: item for item in sheet["items"]}
    for name in ("close", "close.before", "revenue.2023q2", "industry"):
        (origin,) = items[name]["origins"]
        answer = client.get(origin["href"]).json()
        rows = [dict(zip(answer["fields"], row, strict=True)) for row in answer["items"]]
        assert rows
        told_there = {row[origin["column"]] for row in rows}
        expected = {"close": {1669.0}, "close.before": {1694.0}, "revenue.2023q2": {710}, "industry": {"白酒"}}
        assert told_there == expected[name]


def test_items_of_evidence_are_asked_for_by_their_ids(client: httpx2.Client) -> None:
    sheet = told(client, f"/{PUBLISHED}/evidence", id="return.1d,close")
    assert [item["id"] for item in sheet["items"]] == ["return.1d", "close"]
    assert sheet["meta"]["rows"] == 2
    answer = client.get(f"{REPORTS}/{PUBLISHED}/evidence", params={"id": "close,moon"})
    assert answer.status_code == 422
    assert "there is no item moon" in answer.json()["detail"]


def test_a_report_without_evidence_has_no_items_and_no_text(client: httpx2.Client) -> None:
    sheet = told(client, f"/{FAILED}/evidence")
    assert (sheet["meta"]["sha256"], sheet["items"]) == (None, [])
    assert told(client, f"/{FAILED}")["markdown"] is None
    answer = client.get(f"{REPORTS}/{FAILED}.md")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-written")
    assert "daily has not landed" in answer.json()["detail"]


def test_the_text_is_what_was_written_byte_for_byte(client: httpx2.Client) -> None:
    by_path = client.get(f"{REPORTS}/{PUBLISHED}.md")
    assert by_path.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert by_path.text == TEXT
    by_header = client.get(f"{REPORTS}/{PUBLISHED}", headers={"Accept": "text/markdown, application/json;q=0.5"})
    assert by_header.content == by_path.content
    assert "Accept" in by_header.headers["Vary"]
    report = told(client, f"/{PUBLISHED}")
    assert hashlib.sha256(by_path.content).hexdigest() == report["sha256"]
    answer = client.get(f"{REPORTS}/{PUBLISHED}", headers={"Accept": "image/png"})
    assert (answer.status_code, answer.json()["type"]) == (406, "/problems/not-acceptable")


@pytest.mark.parametrize("rest", ["", ".md", "/evidence", "/claims"])
@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("600519.SH-20240104-0000000000", "unknown-report", "take one from /reports"),
        ("茅台", "unknown-report", "An id is stock, day and ten digits"),
        (BEGUN, "not-written", "is being written"),
    ],
)
def test_a_report_that_is_not_there_is_a_problem_that_says_what_to_do(
    client: httpx2.Client, rest: str, name: str, kind: str, words: str
) -> None:
    answer = client.get(f"{REPORTS}/{name}{rest}")
    assert (answer.status_code, answer.json()["type"]) == (404, f"/problems/{kind}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert words in answer.json()["detail"]


# --- asking again


@pytest.mark.parametrize(
    "path", ["", f"/{PUBLISHED}", f"/{PUBLISHED}.md", f"/{PUBLISHED}/evidence", f"/{PUBLISHED}/claims"]
)
def test_who_has_an_answer_is_told_so(client: httpx2.Client, path: str) -> None:
    first = client.get(f"{REPORTS}{path}")
    assert first.headers["Cache-Control"] == "private, no-cache"
    for tag in (first.headers["ETag"], first.headers["ETag"].removeprefix("W/"), f'"x", {first.headers["ETag"]}', "*"):
        again = client.get(f"{REPORTS}{path}", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == first.headers["ETag"]
    assert client.get(f"{REPORTS}{path}", headers={"If-None-Match": '"x"'}).status_code == 200


def test_an_answer_follows_what_comes_new_at_once(client: httpx2.Client, research: str) -> None:
    path = f"{REPORTS}/{ABSTAINED}"
    tag = client.get(path).headers["ETag"]
    with psycopg.connect(research, autocommit=True) as connection:
        connection.execute(
            "insert into research_outcome (report_id, horizon, end_date, return_pct, made_from, made_at)"
            " values (%s, 5, '2024-01-11', 1.5, '', now())",
            [ABSTAINED],
        )
    answer = client.get(path, headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json()["outcomes"][0]["return_pct"] == 1.5


def test_the_sandboxs_figures_are_marked(client: httpx2.Client) -> None:
    for path in ("", f"/{PUBLISHED}", f"/{PUBLISHED}.md", f"/{PUBLISHED}/evidence", f"/{PUBLISHED}/claims"):
        assert client.get(f"{REPORTS}{path}").headers["X-Data-Source"] == "sandbox: synthetic"
    assert (
        client.get(REPORTS, params={"trade_date": DAY.isoformat(), "ts_code": PINGAN, "status": "failed"}).headers[
            "X-Data-Source"
        ]
        == "none"
    )


def test_head_is_answered_without_a_body(client: httpx2.Client) -> None:
    answer = client.head(f"{REPORTS}/{PUBLISHED}")
    assert (answer.status_code, answer.content) == (200, b"")
