"""Pictures of the user's own in the protocol: a conversation names them, and keeps them."""

import base64
import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from media.events.generation import LooksChange, PromptChange
from tests.web.protocol.test_generation import CAPABILITIES, GENERATION
from tests.web.protocol.test_protocol import PIXEL, Talk
from web.protocol.protocol import RealtimeProtocol
from web.protocol.session_config import Capabilities


def offering(max_looks: int) -> Capabilities:
    return replace(CAPABILITIES, generation=replace(GENERATION, max_looks=max_looks))


def talk(max_looks: int = 2, **options: Any) -> Talk:
    return Talk(**{"capabilities": offering(max_looks), "eyeline_events": True, **options})


def picture(mode: str = "RGBA", *, alpha: int = 255) -> str:
    """Return a square with a transparent border as a data URL."""
    image = Image.new(mode, (40, 40))
    image.paste((200, 40, 30, alpha) if mode == "RGBA" else (200, 40, 30), (10, 10, 30, 30))
    file = io.BytesIO()
    image.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def looks(client: Talk) -> list[LooksChange]:
    return [item for item in client.inputs if isinstance(item, LooksChange)]


def test_a_picture_goes_to_the_session_and_comes_back_as_it_is_drawn() -> None:
    client = talk()
    assert client.send("eyeline.look.set", name="My Mug", image=picture(), faces="left") == [
        "eyeline.look.updated"
    ]
    look = client.last("eyeline.look.updated")["look"]
    image = look.pop("image")
    assert look == {
        "name": "mug",
        "role": "thing",
        "cut": "alpha",
        "faces": "left",
        "replaces": None,
    }
    file = base64.b64decode(image.removeprefix("data:image/webp;base64,"))
    with Image.open(io.BytesIO(file)) as shown:
        assert shown.size == (20, 20)
    ((mug,),) = [change.looks for change in looks(client)]
    assert (mug.name, mug.file, mug.role, mug.directed) == ("mug", file, "thing", True)


def test_a_prompt_names_pictures_and_is_read_again_when_they_change() -> None:
    client = talk()
    client.send("eyeline.prompt.set", text="my gizmo on the den")
    assert client.last("error")["error"]["code"] == "prompt_not_drawable"
    client.send("eyeline.look.set", name="gizmo", image=picture())
    assert client.new == ["eyeline.look.updated", "eyeline.generation.updated"]
    client.send("eyeline.look.set", name="den", image=picture(), role="background")
    (reading,) = client.last("eyeline.generation.updated")["generation"]["readings"]
    assert (reading["caption"], reading["background"]) == ("a gizmo on den", "den")
    assert reading["unknown"] == []
    client.send("eyeline.prompt.set", text="a gizmo")
    assert client.new == ["eyeline.generation.updated"]
    client.send("eyeline.look.delete", name="the gizmo")
    assert client.new == ["eyeline.look.deleted", "eyeline.generation.updated"]
    (reading,) = client.last("eyeline.generation.updated")["generation"]["readings"]
    assert reading["caption"] is None
    assert [look.name for look in looks(client)[-1].looks] == ["den"]


def test_a_picture_takes_the_place_of_one_of_its_name_and_of_what_the_model_has() -> None:
    client = talk(max_looks=1)
    client.send("eyeline.look.set", name="mallard", image=picture())
    assert client.last("eyeline.look.updated")["look"]["replaces"] == "duck"
    client.send("eyeline.look.set", name="mallard", image=picture("RGB"), whole=True)
    assert client.last("eyeline.look.updated")["look"]["cut"] == "whole"
    assert len(looks(client)[-1].looks) == 1
    client.send("eyeline.look.set", name="lawn", image=picture(), role="background")
    error = client.last("error")["error"]
    assert error["code"] == "too_many_looks"
    assert "may have 1 pictures, and has mallard" in error["message"]


@pytest.mark.parametrize(
    ("fields", "param", "why"),
    [
        ({"name": "red", "image": picture()}, "name", "a color in prompts"),
        ({"name": "mug", "image": picture(alpha=0)}, "image", "nothing of the picture is opaque"),
        ({"name": "mug", "image": "data:text/plain;base64,AA=="}, "image", "expected data:image"),
        ({"name": "mug", "image": "AAAA"}, "image", "not a"),
        ({"name": "mug", "image": PIXEL, "role": "ghost"}, "role", "thing"),
        ({"name": "mug"}, "image", "required"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(
    fields: dict[str, str], param: str, why: str
) -> None:
    client = talk()
    assert client.send("eyeline.look.set", event_id="mine", **fields) == ["error"]
    error = client.last("error")["error"]
    assert (error["param"], error["event_id"]) == (param, "mine")
    assert why in error["message"]
    assert client.state.looks == ()
    assert looks(client) == []


def test_a_picture_that_is_not_there_cannot_be_deleted() -> None:
    client = talk()
    client.send("eyeline.look.delete", name="mug")
    assert 'no picture is called "mug": there are none' in client.last("error")["error"]["message"]


def test_without_pictures_in_the_model_they_are_refused() -> None:
    client = talk(max_looks=0)
    assert client.send("eyeline.look.set", name="mug", image=picture()) == ["error"]
    assert client.last("error")["error"]["code"] == "looks_not_supported"


def test_a_conversation_that_goes_on_elsewhere_has_its_pictures_before_its_prompt() -> None:
    client = talk()
    client.send("eyeline.look.set", name="gizmo", image=picture())
    client.send("eyeline.prompt.set", text="a gizmo")
    resumed = RealtimeProtocol.resumed(client.state, offering(2))
    kinds = [
        item for item in resumed.inputs_to_send() if isinstance(item, LooksChange | PromptChange)
    ]
    assert [type(item) for item in kinds] == [LooksChange, PromptChange]
    assert kinds[0] == replace(looks(client)[-1], time=kinds[0].time)
