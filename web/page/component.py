"""eyeline as a component of a Gradio app: media go from the browser to the service itself.

It needs nothing but Gradio and a running service, so an app elsewhere may have a copy of this file.
"""

import json
from urllib.request import Request, urlopen

import gradio as gr

TIMEOUT = 10  # seconds in which the service must answer
SCRIPT = """
const { embed } = await import(%(module)s);
const key = server.secret ? await server.secret() : "";
await embed(element.querySelector("div"), {
  key,
  height: %(height)s,
  caption: (caption) => trigger("change", caption),
  answer: (answer) => trigger("submit", answer),
});
"""


def eyeline(service: str, *, key: str | None = None, height: str = "85vh") -> gr.HTML:
    """Return a component with the whole page of the service at `service`; make it in `gr.Blocks`.

    `service` is a URL as browsers reach it; the service allows the app's origin (EYELINE_ORIGINS).
    With the service's API `key`, which stays on this side, each visitor gets a client secret.
    `height` is one of CSS.

    `change` of the component is a final caption and `submit` a complete answer: a function with a
    `gr.EventData` finds `text` in it, and of a caption `start` and `end`, in seconds.
    """
    url = service.rstrip("/")

    def secret(_: object) -> str:  # Gradio gives it an argument, whatever the page sends
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        wanted = Request(f"{url}/v1/realtime/client_secrets", b"{}", headers)
        with urlopen(wanted, timeout=TIMEOUT) as answer:
            return str(json.load(answer)["value"])

    values = {"module": json.dumps(f"{url}/static/embed.js"), "height": json.dumps(height)}
    return gr.HTML(
        html_template="<div></div>",
        js_on_load=f"(async () => {{{SCRIPT % values}}})()",
        server_functions=None if key is None else [secret],
        apply_default_css=False,
    )
