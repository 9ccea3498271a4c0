"""Answers by rule, over scene logs that are written out."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.assistant.interface import NOTHING_YET, Exchange
from models.assistant.scene.query_parsing import parse_query
from models.assistant.scene.scene_entry import SceneEntry
from models.assistant.scene.scene_log import LoggedEntry
from models.assistant.talk.checking import is_supported, tells_more
from models.assistant.talk.replies import reply
from models.assistant.talk.scene_view import SceneView
from models.assistant.understanding.kinds import TextKind
from models.vision.class_names import NAMES
from tests.bench.dialogue_set import things
from tests.models.assistant.understanding.test_kinds import phrasings

CLOCK = datetime(2026, 11, 30, 14, 5)


def entry(time: float, name: str, share: float = 0.9, *, people: int = 0) -> LoggedEntry:
    """Return an entry whose main thing is `name`, on the left and brown."""
    probabilities = np.zeros(len(NAMES), np.float32)
    if name in NAMES:
        probabilities[NAMES.index(name)] = share
    names = ((name, 1.0),) if name else ()
    scene = SceneEntry(time=time, names=names, colour="brown", place="left", people=people)
    return LoggedEntry(int(time), scene, probabilities, time)


LOG = (
    entry(0, "cup"),
    entry(7, "cup"),
    entry(8, "dog"),
    entry(15, "dog"),
    entry(16, "person", people=2),
    entry(23, "person", people=2),
    entry(24, "cup"),
    entry(30, "cup"),
)


def answer(text: str, log: Sequence[LoggedEntry] = LOG, before: Sequence[str] = ()) -> str:
    """Return the answer to `text` at the last entry's time, after the questions `before`."""
    conversation: list[Exchange] = []
    view = SceneView(log, log[-1].scene.time) if log else None
    for each in before:
        conversation.append(Exchange(each, reply(each, view, conversation, CLOCK).text))
    return reply(text, view, conversation, CLOCK).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What do you see?", "I see a cup."),
        ("Is there a dog?", "No, not now. I last saw a dog at 0:15."),
        ("Is there a cat?", "No, I do not recognize a cat."),
        ("Have you seen a cat?", "No, I have not recognized a cat."),
        ("Did you see a dog?", "Yes, I saw a dog from 0:08 to 0:15."),
        (
            "Is there a flibbert?",
            "No flibbert that I can tell, but I do not know flibberts by sight.",
        ),
        ("When did you first see the cup?", "I first saw a cup at 0:00."),
        ("When was the dog there?", "I saw a dog from 0:08 to 0:15."),
        (
            "Tell me about the dog.",
            "I saw a brown dog on the left of the picture from 0:08 to 0:15.",
        ),
        ("Tell me about the cat.", "I have not recognized a cat."),
        ("Talk about the cup.", "I have seen a brown cup on the left of the picture since 0:24."),
        ("When did you last see someone?", "I last saw someone at 0:23."),
        ("What came after the dog?", "Two people, at 0:16."),
        ("What came before the dog?", "A cup, at 0:07."),
        (
            "What came first, the street or the cup?",
            "The cup came first, at 0:00: I saw nothing before it. I do not know streets by sight.",
        ),
        (
            "Did the street come before the dog?",
            "The dog came at 0:08. I do not know streets by sight.",
        ),
        (
            "Did the person come before the dog?",
            "No, the person was there at 0:16, the dog at 0:08.",
        ),
        ("What did I show first?", "The first thing that I saw was a cup, at 0:00."),
        (
            "Which came last, the cup or the cat?",
            "The cup came last, at 0:30: I saw nothing after it. I have not recognized a cat.",
        ),
        (
            "Which came first, the cup or the dog?",
            "The cup came first, at 0:00; the dog was there at 0:08.",
        ),
        ("Did the dog come before the cup?", "No, the dog was there at 0:08, the cup at 0:00."),
        ("What have you seen?", "I have seen a cup (0:00), a dog (0:08) and two people (0:16)."),
        (
            "How many things have you seen?",
            "I have seen 3 kinds of things: a cup (0:00), a dog (0:08) and two people (0:16).",
        ),
        ("What was the first thing you saw?", "The first thing that I saw was a cup, at 0:00."),
        ("What was there at 0:10?", "At 0:10 I saw a dog."),
        ("What was there ten seconds ago?", "At 0:20 I saw two people."),
        ("How long was the dog there?", "About 8 seconds, from 0:08 to 0:15."),
        ("How many times did you see the cup?", "Twice, from 0:00 to 0:07 and from 0:24 to 0:30."),
        ("What changed?", "At 0:24 the view changed from two people to a cup."),
        ("How many people are there?", "I see nobody now. I last saw two people, at 0:23."),
        ("How many people did you see?", "I saw two people at once, at 0:16."),
        ("Is the room empty?", "I see nobody, but I see a cup."),
        ("Where is the cup?", "The cup is on the left of the picture."),
        (
            "Where is the dog?",
            "I do not see the dog now. I last saw it at 0:15, on the left of the picture.",
        ),
        (
            "What is on the right?",
            "I cannot tell. I know the place of the main thing only: a cup on the left.",
        ),
        ("Is the cup on the right?", "No, on the left of the picture."),
        ("What colour is the cup?", "It looks brown to me."),
        ("Is the cup red?", "No, it looks brown to me. I am often wrong about colors."),
        (
            "What colour is the flibbert?",
            "I do not know flibberts by sight. The main thing in view looks brown to me.",
        ),
        ("Is it a cat or a cup?", "It is a cup."),
        ("What is in front of the camera?", "I see a cup."),
        ("Can you tell me whether there is a cup?", "Yes, I see a cup."),
        ("Is the dog gone?", "Yes. I last saw a dog at 0:15."),
        ("Is the cup gone?", "No, I see a cup."),
        ("Has the cat left?", "I have not recognized a cat."),
        ("Is there a cup and a dog?", "Yes, I see a cup. No, not now. I last saw a dog at 0:15."),
        ("How long ago did you see the dog?", "I saw a dog from 0:08 to 0:15."),
        ("How long have you been watching?", "I have been watching for 30 seconds."),
    ],
)  # fmt: skip
def test_an_answer_says_what_the_log_holds(text: str, expected: str) -> None:
    assert answer(text) == expected


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        (["What do you see?"], "What colour is it?", "It looks brown to me."),
        (["Did you see a dog?"], "And before that?", "A cup, at 0:07."),
        (
            ["What came after the cup?", "What came before the dog?"], "And after that?",
            "A dog, at 0:08.",
        ),
        (["Did you see a dog?"], "What about the cat?", "No, I have not recognized a cat."),
        (["When did you last see the cup?"], "And the dog?", "I last saw a dog at 0:15."),
        (["Did you see a dog?"], "How long was it there?", "About 8 seconds, from 0:08 to 0:15."),
        (["Is there a dog?"], "And now?", "No, not now. I last saw a dog at 0:15."),
        (["What time is it?"], "And now?", "I see a cup."),
        (
            ["Which came first, the cup or the dog?"], "When was the other one there?",
            "Yes, I saw a dog from 0:08 to 0:15.",
        ),
        (["What do you see?"], "What else?", "Nothing else that I recognize."),
        (
            ["What do you see?"], "Are you sure?",
            "I am 90 % sure of the cup, at 0:00. I can be wrong.",
        ),
        (
            ["Did you see a dog?"], "Can it swim?",
            "I cannot tell that about the dog. I saw it from 0:08 to 0:15.",
        ),
        ([], "And before that?", "Two people, at 0:23."),
    ],
)  # fmt: skip
def test_a_follow_up_is_understood_from_the_conversation(
    before: list[str], text: str, expected: str
) -> None:
    assert answer(text, before=before) == expected


def test_a_doubtful_thing_is_named_with_doubt() -> None:
    assert answer("What do you see?", [entry(0, "cup", 0.9)]) == "I see a cup."
    assert answer("What do you see?", [entry(0, "cup", 0.4)]) == "I see what looks like a cup."
    assert "may be a cup" in answer("What do you see?", [entry(0, "cup", 0.2)])
    assert "not sure what I see" in answer("Is there a dog?", [entry(0, "cup", 0.2)])
    assert answer("What do you see?", [entry(0, "")]).startswith("I see nothing now")


def test_before_the_first_frame_only_small_talk_is_answered() -> None:
    assert answer("What do you see?", []) == NOTHING_YET
    assert answer("Is there a dog?", []) == NOTHING_YET
    assert answer("And before that?", []) == NOTHING_YET
    assert "14:05" in answer("What time is it?", [])
    assert answer("Thank you!", []) == "You are welcome."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What time is it?", "It is 14:05 by this computer's clock."),
        ("What day is it?", "Today is Monday, 30 November 2026."),
        ("Is it Tuesday?", "No, today is Monday, 30 November 2026."),
        ("Is it morning or afternoon?", "It is 14:05 by this computer's clock, so afternoon."),
        ("What time is it in Tokyo?", "It is 14:05 by this computer's clock, and I know no other."),
        (
            "Was soll das denn bitte?",
            "Das habe ich nicht verstanden. Frag zum Beispiel: Was siehst du? Wie viele Tassen "
            "siehst du? I understand English, and simple questions in German, Spanish, French and "
            "Italian.",
        ),
    ],
)
def test_small_talk_is_computed(text: str, expected: str) -> None:
    assert answer(text) == expected


def test_earlier_words_are_remembered() -> None:
    asked = ["My name is Anna.", "Is there a dog?"]
    assert answer("What is my name?", before=asked) == "You said that your name is Anna."
    assert answer("What did I ask you?", before=asked) == 'You said "Is there a dog?"'
    assert "My name is Anna." in answer("What was my first question?", before=asked)
    assert answer("Did I ask you something before?") == "You have not asked me anything before."
    assert "I last saw a dog at 0:15" in answer("Say that again.", before=asked)


def test_no_object_is_made_up_for_text_that_is_not_about_one() -> None:
    """The only things in the answers are those in view, or in the words of the user."""
    fixed = {TextKind.SELF, TextKind.ABILITY, TextKind.DRAW, TextKind.JOKE}
    about_things = {
        TextKind.NOW,
        TextKind.PAST,
        TextKind.FOLLOW_UP,
        TextKind.COUNT,
        TextKind.REMARK,
    }
    listed = [*phrasings("development.txt"), *phrasings("held_out.txt")]
    for kind, text in listed:
        if kind not in about_things | fixed:
            named = things(answer(text)) - parse_query(text).name_ids
            assert named <= {NAMES.index("cup")}, (text, answer(text))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(["cup", "dog", "ball", "cat", "person", ""]), min_size=1, max_size=8),
    st.sampled_from(
        [text for kind, text in phrasings("held_out.txt") if kind in (TextKind.NOW, TextKind.PAST)]
    ),
)
def test_an_answer_names_only_what_was_seen_or_asked_about(names: list[str], text: str) -> None:
    log = [entry(float(at), name, people=name == "person") for at, name in enumerate(names)]
    told = answer(text, log)
    assert told.endswith((".", "?", "!"))
    seen = parse_query(" ".join([*names, text])).name_ids
    assert things(told) <= seen


def test_a_generated_answer_is_checked_against_the_log() -> None:
    view = SceneView(LOG, 30.0)
    assert is_supported("A brown dog at 0:08.", "tell me about the dog", view)
    assert not is_supported("A brown dog and a cat.", "tell me about the dog", view)
    assert not is_supported("The dog is sleeping.", "tell me about the dog", view)
    assert not is_supported("A dog at 0:09.", "tell me about the dog", view)
    assert not is_supported("Seven people.", "tell me about the people", view)
    assert not is_supported("There were 3 dogs.", "tell me about the dog", view)
    assert not is_supported("", "tell me about the dog", view)
    assert not is_supported("\ufffd\ufffd dog", "tell me about the dog", view)


def test_a_generated_answer_is_added_only_if_it_tells_more() -> None:
    asked, told = "Tell me about the dog.", "I saw a brown dog on the left."
    assert not tells_more("The dog is a brown dog.", asked, told)
    assert tells_more("The dog was there before two people.", asked, told)


FARM = (entry(0, "cup"), entry(8, "horse"), entry(16, "lamp"), entry(24, "bird", 0.9))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "What came after the donkey?",
            "I do not know donkeys by sight. If you mean the horse: A lamp, at 0:16.",
        ),
        (
            "When did you see an owl?",
            "I have not recognized an owl. If you mean the bird: I see a bird now, since 0:24.",
        ),
        (
            "What colour is the turkey?",
            "I do not know turkeys by sight. If you mean the bird: It looks brown to me.",
        ),
        ("Is there a turkey in the picture?", "No turkey that I can tell, but I do not know "
         "turkeys by sight: I see a bird."),
        ("Is there an owl?", "No, I do not recognize an owl: I see a bird."),
        ("Did you see a donkey?", "No donkey that I can tell, but I do not know donkeys by sight."),
        ("When did you see the zebra?", "I have not recognized a zebra."),  # a horse is none
        ("When did you see a wrench?", "I do not know wrenches by sight."),
        ("What colour is the zebra?", "I have not recognized a zebra. The main thing in view looks "
         "brown to me."),
    ],
)  # fmt: skip
def test_what_has_no_name_may_be_the_one_thing_of_its_kind(text: str, expected: str) -> None:
    assert answer(text, FARM) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "What came before the quokka?",
            "I do not know quokkas by sight. If you mean something that may be a ball: "
            "A cup, at 0:00.",
        ),
        (
            "When did you last see the quokka?",
            "I do not know quokkas by sight. If you mean something that may be a ball: "
            "I last saw it at 0:08.",
        ),
        (
            "What came first, the cup or the cherry?",
            "I do not know cherries by sight. If you mean something that may be a ball: "
            "The cup came first, at 0:00; that was there at 0:08.",
        ),
        (
            "What came first, the cherry or the quokka?",
            "I do not know cherries by sight. I do not know quokkas by sight.",
        ),
        ("Did you see a quokka?", "No quokka that I can tell, but I do not know quokkas by sight."),
    ],
)
def test_what_was_not_recognized_may_be_the_one_thing_in_doubt(text: str, expected: str) -> None:
    log = (entry(0, "cup"), entry(8, "ball", 0.2), entry(16, "lamp"))
    assert answer(text, log) == expected
    unnamed = (entry(0, "cup"), entry(8, "something"), entry(16, "lamp"))
    meant = "something that I have no name for"
    assert answer(text, unnamed) == expected.replace("something that may be a ball", meant)
    two = (*log, entry(24, "bowl", 0.2), entry(32, "lamp"))
    assert "If you mean" not in answer(text, two)


def test_of_several_things_of_a_kind_none_is_taken_for_another() -> None:
    assert answer("Where is the donkey?", (*FARM, entry(30, "sheep"))) == (
        "I do not know donkeys by sight, so I cannot tell where."
    )
