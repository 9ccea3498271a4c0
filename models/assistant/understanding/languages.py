"""Which language a text is in, if it is not English: by its letters, or by its common words."""

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """A language: `words` that hardly occur in English, and that nothing was understood, in it."""

    name: str
    words: frozenset[str]
    not_understood: str


# Words that are common in a language, and a sentence in it.
LANGUAGES = tuple(
    Language(name, frozenset(words.split()), sentence)
    for name, words, sentence in (
        (
            "Spanish",
            "hola qué que es esto ves hay dónde donde está quién quien cómo como la el los "
            "las una uno un en de por favor gracias adiós buenos buenas días tal hora "
            "cuántos cuántas puedes hablar mi ahora lo del se su le nos eres soy "
            "estoy estás hace tengo tienes llevo cuando cuándo para pero sobre más muy "
            "qué cuál algo alguien nadie aquí ahí ese esa eso esta este haya avísame dime sigue "
            "había mesa silla casa mismo misma vez veces",
            "No lo he entendido. Pregunta, por ejemplo: ¿Qué ves? ¿Cuántas tazas ves?",
        ),
        (
            "German",
            "hallo guten tag morgen abend was ist das der die wer wo siehst du ich bin wie "
            "spät es ein eine einen und nicht danke tschüss sie sind viele kannst gibt hier "
            "farbe jetzt mich bitte deutsch mir mein meine meinen dem den im auf von vor für ob "
            "wenn da dort noch auch kein keine dein jemand niemand etwas haben habe habt hast "
            "gerade mehr musst muss bist nichts "
            "liegt steht sitzt welche welcher welches wann warum oder aber sehen zwei drei wird "
            "rechts sag gib bescheid sich vom zum zur uhr über dieser diese dieses",
            "Das habe ich nicht verstanden. Frag zum Beispiel: Was siehst du? "
            "Wie viele Tassen siehst du?",
        ),
        (
            "French",
            "bonjour salut merci qu'est-ce que vois-tu tu vois quel quelle est-ce c'est où "
            "combien qui il elle une un le la les des dans je suis y a-t-il heure couleur "
            "est et avec pour maintenant parle "
            "l' d' c' j' m' n' s' t' qu' qu est-ce ce ça au aux du sur mon mes "
            "à ne ou pourquoi quoi quand comment quelqu'un quelqu' rien "
            "moi toi vous nous dis-moi dis peux peut toujours déjà vu trois "
            "suis aussi cette quels quelles elles ils",
            "Je n'ai pas compris. Demande par exemple : Que vois-tu ? Combien de tasses vois-tu ?",
        ),
        (
            "Italian",
            "ciao buongiorno grazie cosa vedi chi dove come stai che è quanti quante una "
            "uno il la lo gli di sono questo colore adesso ora per favore "
            "l' d' c' dov' com' un' un le mi ti si "
            "ci del della dei delle dal nel nella sul sulla al alla da ed hai hanno mio mia "
            "miei mie tuo tua quando quanto quale quali qualcuno nessuno qualcosa niente "
            "ancora anche più se qui lì quello quella tavolo puoi riesci sto stai sta dimmi "
            "avvisami era stato mano via non vedere perché",
            "Non ho capito. Chiedi per esempio: Che cosa vedi? Quante tazze vedi?",
        ),
        (
            "Portuguese",
            "olá oi obrigado obrigada o que você vê isto quem onde está como um uma os as "
            "dia bom boa tarde noite quantas quantos cor agora",
            "Eu só entendo inglês.",
        ),
        (
            "Dutch",
            "hallo dag wat zie je is dit dat wie waar hoe laat het een de en niet dank "
            "bedankt ik ben zijn er hoeveel kleur nu",
            "Ik begrijp alleen Engels.",
        ),
        (
            "Polish",
            "cześć dzień dobry dziękuję co widzisz to jest kto gdzie jak się masz ile",
            "Rozumiem tylko po angielsku.",
        ),
        (
            "Turkish",
            "merhaba teşekkürler ne görüyorsun bu kim nerede nasıl nasılsın kaç var mı",
            "Sadece İngilizce anlıyorum.",
        ),
    )
)
SCRIPTS = {
    "CYRILLIC": ("Russian", "Я понимаю только по-английски."),
    "CJK": ("Chinese", "我只懂英语。"),
    "HIRAGANA": ("Japanese", "英語しか分かりません。"),
    "KATAKANA": ("Japanese", "英語しか分かりません。"),
    "HANGUL": ("Korean", "저는 영어만 이해합니다."),
    "ARABIC": ("Arabic", "أفهم الإنجليزية فقط."),
    "GREEK": ("Greek", "Καταλαβαίνω μόνο αγγλικά."),
    "HEBREW": ("Hebrew", "אני מבין רק אנגלית."),
    "DEVANAGARI": ("Hindi", "मैं केवल अंग्रेज़ी समझता हूँ।"),
    "THAI": ("Thai", "ฉันเข้าใจเฉพาะภาษาอังกฤษ"),
}
_ENGLISH = """
a an the i you he she it we they is are was were am be do does did have has had can
could will would what who where when why how which this that these those there here
my your me of to in on at for and or not no yes with from see hello hi please thanks
"""
ENGLISH = frozenset(_ENGLISH.split())
# Words of these languages that English texts have too: in names (Las Vegas, De Niro), titles,
# abbreviations, as syllables, or as another word. A single one says nothing, nor the same again.
_SHARED = """
es en de la el los las un una uno se su le lo nos mi tal como para me te di il del dei al da dal ha
gli ci ti si con son sin que esta este eres hora mesa casa favor pero pie
die der das den dem was war man am an in im hat so um von vom es du tag gut rot wo ob da dort
sag uhr mein dein morgen abend
les des du au aux on ne ce il elle est et ou sur mes mon ma ta tu toi moi une je suis salut merci
qui pour quel vous nous
ciao mia mio dove come era ed sul tuo tua ora
a o e os as um uma dia bom boa oi is dit het een dag nu ik ben zie je hoe laat wat er
to jest ile masz kto ne bu kim var mi
"""
SHARED = frozenset(_SHARED.split())
FEWEST_SHARED = 3  # different ones that tell a language without a word of its own
MARKS = re.compile("[¿¡]")
NAME = re.compile(
    r"\b(?:La|Las|Le|Les|Lo|Los|El|Il|De|Des|Del|Della|Di|Da|Du|San|Van|Von)(?= [A-Z])"
)
ENGLISH_PART = re.compile(r"(?i)['\u2019](?:s|t|re|ll|ve|d|m|mon)\b")  # of it's, don't: not split


def foreign_language(text: str) -> Language | None:
    """Return the language of `text` if it is clearly not English."""
    script = _script(text)
    if script is not None:
        name, sentence = script
        return Language(name, frozenset(), sentence)
    if MARKS.search(text):
        return LANGUAGES[0]  # only Spanish has these marks
    words = _words(NAME.sub("", text))
    if not words:
        return None
    best = max(LANGUAGES, key=lambda language: sum(word in language.words for word in words))
    found = [word for word in words if word in best.words]
    accented = any(ord(letter) > 127 for letter in text.lower() if letter.isalpha())
    needed = max(1, (len(words) + 1) // 2) if not accented else 1
    if len(found) < needed or len(found) <= sum(word in ENGLISH for word in words):
        return None
    told = not SHARED.issuperset(found) or len(set(found)) >= FEWEST_SHARED
    return best if told else None


def without_language(text: str) -> bool:
    """Return whether nothing tells the language of `text`, as of a name, a syllable or a noun."""
    return foreign_language(text) is None and not ENGLISH.intersection(_words(text))


def _words(text: str) -> list[str]:
    words = re.findall(r"[^\W\d_]+(?:['-][^\W\d_]+)*", text.lower().replace("\u2019", "'"))
    if ENGLISH_PART.search(text):
        return words
    return [part for word in words for part in re.findall(r"\w+'|\w{2,}|[àèéì]", word)]


def _script(text: str) -> tuple[str, str] | None:
    letters = [letter for letter in text if letter.isalpha()]
    foreign = [unicodedata.name(letter, "").split()[0] for letter in letters]
    known = [name for name in foreign if name in SCRIPTS]
    if not letters or 2 * len(known) <= len(letters):
        return None
    kana = next((name for name in known if name in ("HIRAGANA", "KATAKANA", "HANGUL")), None)
    return SCRIPTS[kana or max(set(known), key=known.count)]
