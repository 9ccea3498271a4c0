import json
import logging

import pytest

from web.access.audit import AuditLog
from web.access.auth import Caller
from web.access.keys.scopes import ApiKey
from web.log_lines import AuditLevel, JsonFormatter
from web.serving.log_limit import BURST, RepeatLimit

ANNA = Caller(ApiKey("anna", b""), address="6.6.6.6")
ID = "sess_0123456789abcdef"


@pytest.mark.parametrize(
    ("level", "lines"),
    [("off", []), ("changes", ["POST", "GET refused"]), ("all", ["POST", "GET", "GET refused"])],
)
def test_the_level_says_which_lines_there_are(
    caplog: pytest.LogCaptureFixture, level: AuditLevel, lines: list[str]
) -> None:
    caplog.set_level(logging.INFO)
    log = AuditLog(level)
    for method, outcome in (("POST", 201), ("GET", 200), ("GET", 401)):
        log.request("anna", "6.6.6.6", method, "/sessions", outcome)
    shown = [f"{line.split()[3]}{' refused' * line.endswith('401')}" for line in caplog.messages]
    assert shown == lines


def test_a_line_says_who_did_what_from_where_and_how_it_ended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    log = AuditLog("all")
    log.request("anna", "6.6.6.6", "DELETE", "/sessions/{id}", 204, session=ID)
    log.request("unknown", "", "GET", "/sessions", 401, code="invalid_api_key")
    log.session(ANNA, "start call", "started", session=ID)
    assert caplog.messages == [
        f"anna from 6.6.6.6: DELETE /sessions/{{id}}: 204 (session {ID})",
        "unknown from an unknown address: GET /sessions: 401 (code invalid_api_key)",
        f"anna from 6.6.6.6: start call: started (session {ID})",
    ]
    assert json.loads(JsonFormatter().format(caplog.records[0]))["audit"] == {
        "who": "anna",
        "address": "6.6.6.6",
        "action": "DELETE /sessions/{id}",
        "outcome": 204,
        "session": ID,
    }


@pytest.mark.parametrize("id", ["eyl_leaked", f"{ID}\n", "sess_x", f"{ID}0", None])
def test_what_is_no_session_is_not_written(
    caplog: pytest.LogCaptureFixture, id: str | None
) -> None:
    caplog.set_level(logging.INFO)
    AuditLog("all").request("anna", "6.6.6.6", "GET", "/sessions/{id}", 404, session=id)
    assert caplog.messages == ["anna from 6.6.6.6: GET /sessions/{id}: 404"]


def test_no_flood_of_refusals_leaves_out_what_was_done(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(limit := RepeatLimit())
    try:
        log = AuditLog("all")
        for _ in range(10 * BURST):
            log.request("unknown", "6.6.6.6", "GET", "/sessions", 401)
            log.request("anna", "7.7.7.7", "POST", "/v1/audio/speech", 200)
    finally:
        caplog.handler.removeFilter(limit)
    assert sum("anna" in line for line in caplog.messages) == 10 * BURST
    assert sum("unknown" in line for line in caplog.messages) == BURST
