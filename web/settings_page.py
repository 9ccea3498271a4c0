"""docs/settings.md, made from the settings themselves: `python -m web.config` prints it."""

from pydantic.fields import FieldInfo

from web.config import PREFIX, Settings


def settings_page() -> str:
    """Return docs/settings.md: every setting with its default, as a table."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | {_default(name, field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Each setting is an environment variable; a variable that begins with `EYELINE_` and",
            "is not in this table is refused. This page is made by"
            " `.venv/bin/python -m web.config > docs/settings.md`.",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def _default(name: str, field: FieldInfo) -> str:
    if name == "weights":
        return "`.cache/eyeline/weights`"
    return "not set" if field.default in (None, ()) else f"`{field.default}`"
