"""What is wrong with a setting, in a line that names what the user has set."""

import difflib
from collections.abc import Collection, Iterable, Mapping

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from web.errors import SettingsError

OPTION_NAMES = {
    "asr_model": "--model",
    "asr_chunk": "--chunk",
}  # options not named as their setting


def refuse_unknown(variables: Iterable[str], prefix: str, fields: Iterable[str]) -> None:
    """Check that each of the environment's `variables` that starts with `prefix` is a setting.

    Raises:
        SettingsError: one is not; the message has a setting of a similar name.
    """
    known = [prefix + name.upper() for name in fields]
    for name in variables:
        if name.upper().startswith(prefix) and name.upper() not in known:
            near = difflib.get_close_matches(name.upper(), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "see docs/settings.md"
            raise SettingsError(f"unknown setting {name}: {hint}")


def describe(
    error: ValidationError,
    prefix: str,
    fields: Mapping[str, FieldInfo],
    overridden: Collection[str],
) -> str:
    """Return one line for the first error, with the variable or option that the user set."""
    problem = error.errors(include_url=False)[0]
    reason = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return reason
    field = str(problem["loc"][0])
    name = OPTION_NAMES.get(field, f"--{field}") if field in overridden else prefix + field.upper()
    secret = "SecretStr" in str(fields[field].annotation)
    value = "the value given" if secret else repr(problem["input"])
    return f"{name}: {reason}, got {value}"
