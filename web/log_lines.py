"""Log lines: of which session they are, and as text or JSON."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

TEXT = "%(asctime)s %(levelname)s %(name)s: %(of_session)s%(message)s"

LogFormat = Literal["text", "json"]
AuditLevel = Literal["off", "changes", "all"]

current_session = ContextVar("current_session", default="")  # the id, in the tasks of a session


class SessionLabel(logging.Filter):
    """Adds the session in which a line is logged: `session`, "" if there is none."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Pass `record` with its session."""
        session = current_session.get()
        record.session = session
        # Lines about a session name it already.
        named = session in record.getMessage()
        record.of_session = "" if not session or named else f"session {session}: "
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` in UTC, `level`, `logger`, `message`, `session`, `audit`.

    An error has its traceback as `error`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return `record` as JSON."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if session := getattr(record, "session", ""):
            fields["session"] = session
        if audit := getattr(record, "audit", None):
            fields["audit"] = audit
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def log_handler(format: LogFormat) -> logging.Handler:
    """Return a handler that writes to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else logging.Formatter(TEXT))
    handler.addFilter(SessionLabel())
    return handler
