"""Fixed sentences of small talk: the first whose pattern plain words match is the answer."""

import re

Rule = tuple[str, str]  # a pattern, and a sentence without its full stop

CAN = (
    "I can say what is in view, how many people or cups there are, when I saw a thing, what came "
    "before or after it, and I can tell you when something comes into view"
)
CAN_READ = "I can read text: hold it still, and ask what it says"
CANNOT = (
    "I recognize no faces or moods, only a few actions, and I count people, fingers and common "
    "things only"
)
CANNOT_READ = "I cannot read text"
WHO_I_AM = "I am eyeline, a program that watches the video and answers questions about it"
DRAWS = (
    "I answer in words and do not draw. Where video can be generated, the page draws it from the "
    "text in its Draw card"
)
JOKES = (
    "Why did the camera break up with the photograph? It could not see it developing.",
    "I told the tripod a joke. It has been standing there ever since.",
    "What does a camera say in the evening? It is time to shutter down.",
)
SELF: tuple[Rule, ...] = (
    (r"\bname\b|\bcall(?:ed)? you\b|\byou called\b", "I am eyeline"),
    (
        r"\b(?:human|robot|machine|person|bot|ai|real|alive|man|woman|living|talking|computer|"
        r"program|boy|girl|male|female|artificial)\b",
        "I am a program, not a person: eyeline, which watches the video and answers questions",
    ),
    (
        r"\b(?:chatgpt|gpt|siri|alexa|google|model|version)\b",
        "I am eyeline. Small models on this computer recognize things and find people: I answer "
        "from what they saw",
    ),
    (
        r"\b(?:ma[dk]es?|built|created|creating|programmed|design\w*|invented|wrote|trained|"
        r"developed|creator|maker|parents?|owns|company|work for|employ\w*|boss|developer|born|"
        r"from)\b",
        "I am eyeline, an open program on this computer; its repository names its authors",
    ),
    (r"\b(?:old|age|birthday)\b", "I am a program and have no age"),
    (r"\bwhere\b|\blive\b|\blocat\w+\b", "I run on the computer that serves this session"),
    (
        r"\blistening\b|\brecording\b|\bwatching me\b",
        "I see the video and get your words as text while the session lasts",
    ),
    (
        r"\b(?:like|love|hate|feel\w*|sleep|eat|dream|want|hobb\w+|famil\w+|pets?|favou?rite|"
        r"married|single|friends?|fun|think|believe|enjoy|have)\b",
        "I am a program: I have no feelings, family or pastimes. I watch the video and answer "
        "questions about it",
    ),
)
ABILITY: tuple[Rule, ...] = (
    (
        r"^(?:can|are|do) you (?:\w+ )*hear\b",
        "Your words reach me as text, whether you say or type them",
    ),
    (
        r"\bcount\b",
        "I can count people, and 79 kinds of things such as cups, chairs or cars",
    ),
    (
        r"\b(?:faces?|people)\b",
        "I can see that there are people and how many, but not who they are",
    ),
    (
        r"\b(?:remember|memory|store|record)\b",
        "Yes, I remember what I saw since the session began: ask me when I saw something",
    ),
    (r"\bdraw\b|\bpaint\b|\bsing\b", "I answer in words only"),
    (
        r"\bcolou?rs?\b",
        "I can name the color of the main thing, but I am often wrong about it",
    ),
    (r"\b(?:talk|speak)\b", "Yes: ask me about what the camera shows"),
    (r"\b(?:limit\w*|can not|weakness\w*)\b", CANNOT),
)
GREETINGS: tuple[Rule, ...] = (
    (r"\bhow\b|\bup\b|\bok\b|\bokay\b|\ball right\b|\bwell\b", "I am fine, thank you"),
    (r"\bthere\b|\bhome\b|\bawake\b", "Yes, I am here"),
    (r"\bnice\b|\bpleased\b|\bgood to\b|\bglad\b", "Nice to meet you, too"),
)
REMARKS: tuple[Rule, ...] = (
    (
        r"\b(?:wrong|not right|not true|incorrect|mistake|false|nonsense)\b",
        "I am sorry. I often take one thing for another: ask again when it is clearly in view",
    ),
    (
        r"\b(?:stupid|dumb|idiot|useless|shut up|hate you|bad)\b|^(?:be )?quiet|^silence|^stop",
        "I am sorry that I was no help",
    ),
    (
        r"^(?:well done|good|great|nice|cool|wow|awesome|perfect|excellent|amazing|bravo)\b|"
        r"\byou are (?:\w+ )?(?:good|great|smart|nice|funny|clever|helpful)\b|"
        r"\bi (?:like|love) you\b",
        "Thank you",
    ),
    (
        r"^(?:yes|yeah|sure|ok|okay|right|exactly|correct|fine|all ?right|true|no|never)",
        "All right",
    ),
)


def first_match(rules: tuple[Rule, ...], words: str) -> str:
    """Return the sentence of the first rule that matches, empty if none does."""
    return next((text for pattern, text in rules if re.search(pattern, words)), "")
