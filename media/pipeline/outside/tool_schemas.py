"""What the functions that the outside model may call itself are called, and take.

Settings name them, so this module imports nothing heavy.
"""

import json

from media.dialogue import FunctionTool

SEARCH, LOOK, RECENT, DRAW = "search_memory", "look_now", "recent_frames", "draw"


def _tool(
    name: str, description: str, required: tuple[str, ...] = (), **types: str
) -> FunctionTool:
    properties = {each.rstrip("_"): {"type": type} for each, type in types.items()}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return FunctionTool(name, description, json.dumps(schema))


TOOLS = {
    SEARCH: _tool(
        SEARCH,
        "Finds what the camera saw earlier that the query names, with times and pictures; from and "
        "to are minutes:seconds since the call began.",
        ("query",),
        query="string",
        from_="string",
        to="string",
    ),
    LOOK: _tool(LOOK, "Shows what the camera sees now."),
    RECENT: _tool(RECENT, "Shows the last n frames that were looked at.", n="integer"),
    DRAW: _tool(
        DRAW, "Draws a short video of what the prompt describes.", ("prompt",), prompt="string"
    ),
}
