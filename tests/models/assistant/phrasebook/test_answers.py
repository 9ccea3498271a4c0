import pytest

from models.assistant.interface import Exchange, MetRequest, Moment
from models.assistant.phrasebook.answers import in_language
from models.assistant.phrasebook.conversation import answer_like, exchange, told
from models.assistant.phrasebook.dictionary import LANGUAGES
from models.assistant.talk.fixed_sentences import CAN, CAN_READ, CANNOT, CANNOT_READ, WHO_I_AM
from models.assistant.understanding.follow_ups import read_context


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("I see a cup and two people.", "Ich sehe eine Tasse und zwei Personen."),
        ("Yes, I see a dog.", "Ja, ich sehe einen Hund."),
        ("The cup is on the left of the picture.", "Die Tasse ist im Bild links."),
        ("I have seen a cup (0:03) and a dog (0:10).",
         "Ich habe gesehen: eine Tasse (0:03) und ein Hund (0:10)."),
        ("I see scissors.", "Ich sehe eine Schere."),
        ("I see a cup and a book on the table.", "Dort sehe ich eine Tasse und ein Buch."),
        ("No, I see a cup, but not on the table.", "Nein, ich sehe eine Tasse, aber nicht dort."),
        ("I recognize nothing on the left.", "Im Bild links erkenne ich nichts."),
        ("I recognize nothing on the table.", "Dort erkenne ich nichts."),
        ("I do not see the phone now. I last saw it at 0:03, on the left of the picture.",
         "Das sehe ich jetzt nicht: das Handy. "
         "Zuletzt habe ich das bei 0:03 gesehen, im Bild links."),
        ("I have seen a brown cup on the left of the picture since 0:03.",
         "Seit 0:03 sehe ich im Bild links eine braune Tasse."),
        ("Someone has come into view.", "Es ist jemand gekommen."),
        ("I have seen someone (0:03).", "Ich habe gesehen: jemand (0:03)."),
        ("I cannot tell. I know the place of the main thing only: a cup on the left.",
         "Das kann ich nicht sagen. Nur vom Auffälligsten weiß ich, wo es ist: eine Tasse, links."),
        ("In the middle I see a cup.", "In der Mitte sehe ich eine Tasse."),
        ("I do not know keys by sight.", "Das kann ich nicht erkennen: Schlüssel."),
    ],
)  # fmt: skip
def test_answers_are_said_in_german(answer: str, said: str) -> None:
    assert in_language(answer, "de") == (said, "de")


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "No, no veo a nadie."),
        ("fr", "Non, je ne vois personne."),
        ("it", "No, non vedo nessuno."),
    ],
)
def test_a_whole_sentence_comes_before_one_with_slots(language: str, said: str) -> None:
    assert in_language("No, I see nobody.", language) == (said, language)


def test_articles_follow_gender_and_the_first_letter() -> None:
    assert (
        in_language("I see a mirror and an orange.", "it")[0] == "Vedo uno specchio e un'arancia."
    )
    assert in_language("I no longer see the tree.", "fr")[0] == "Je ne vois plus ceci : l'arbre."
    assert in_language("I see bread.", "fr")[0] == "Je vois du pain."


@pytest.mark.parametrize("answer", ["I see a flibbert.", "I see a cup. I am Napoleon."])
def test_what_no_template_has_is_english_as_a_whole_and_says_so(answer: str) -> None:
    lead = "Das kann ich nur auf Englisch sagen:"
    assert in_language(answer, "de") == (f"{lead} {answer}", "en")


def test_an_answer_has_the_language_of_its_question() -> None:
    assert answer_like("¿Qué ves?", "I see a cat.") == ("Veo un gato.", "es")
    assert answer_like("What do you see?", "I see a cat.") == ("I see a cat.", "en")


def test_a_request_that_is_met_is_announced_in_its_language() -> None:
    met = MetRequest("Préviens-moi quand tu vois un chien", "A dog is in view.", Moment(1, 2.0, ""))
    (said,) = told([met])
    assert (said.text, said.language) == ("Ceci est visible : un chien.", "fr")


def test_a_follow_up_knows_what_the_answer_before_it_named() -> None:
    before = exchange(Exchange("Che cosa vedi?", "Vedo una tazza (0:03)."))
    assert [topic.word for topic in read_context([before]).topics] == ["cup"]


def test_what_the_assistant_is_and_can_do_has_words_in_every_language() -> None:
    said = ". ".join([WHO_I_AM, CAN, CAN_READ, CANNOT, CANNOT_READ]) + "."
    assert [in_language(said, language)[1] for language in LANGUAGES] == list(LANGUAGES)
