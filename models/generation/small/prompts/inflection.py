"""Forms of English words: singulars of plurals, and the forms of verbs."""

IRREGULAR_PLURALS = {
    "mice": "mouse",
    "geese": "goose",
    "oxen": "ox",
    "men": "man",
    "women": "woman",
    "snowmen": "snowman",
    "children": "child",
    "teeth": "tooth",
    "leaves": "leaf",
    "wolves": "wolf",
    "calves": "calf",
    "knives": "knife",
    "lorries": "lorry",
    "buses": "bus",
    "cacti": "cactus",
    "octopi": "octopus",
    "dice": "dice",
    "people": "person",
    "cattle": "cattle",
}
IRREGULAR_VERBS = {
    "run": "ran",
    "fly": "flew flown",
    "swim": "swam",
    "fall": "fell fallen",
    "sink": "sank",
    "rise": "rose risen",
    "go": "goes went gone",
    "come": "came",
    "swing": "swung",
    "spin": "spun",
    "sit": "sat",
    "stand": "stood",
    "sleep": "slept",
    "lie": "lying lay",
    "drive": "drove",
    "slide": "slid",
    "travel": "travelling",
}
VOWELS = "aeiou"


def singulars(word: str) -> tuple[str, ...]:
    """Return what `word` could be the plural of, the likeliest first."""
    if word in IRREGULAR_PLURALS:
        return (IRREGULAR_PLURALS[word],)
    if len(word) < 3 or not word.endswith("s") or word.endswith("ss"):
        return ()
    found = [word[:-1]]
    if word.endswith("ies"):
        found.insert(0, f"{word[:-3]}y")
    if word.endswith("es"):
        found.append(word[:-2])
    return tuple(found)


def verb_forms(verb: str) -> tuple[str, ...]:
    """Return `verb`, its third person, participles and past."""
    irregular = tuple(IRREGULAR_VERBS.get(verb, "").split())
    if verb.endswith("e"):
        stem = verb[:-1]
        return (verb, f"{verb}s", f"{stem}ing", f"{verb}d", *irregular)
    if verb.endswith("y") and verb[-2] not in VOWELS:
        return (verb, f"{verb[:-1]}ies", f"{verb}ing", f"{verb[:-1]}ied", *irregular)
    doubled = len(verb) <= 4 and verb[-1] not in f"{VOWELS}wxy" and verb[-2] in VOWELS
    if doubled and verb[-3] in VOWELS:
        doubled = False
    stem = verb + verb[-1] if doubled else verb
    return (verb, f"{verb}s", f"{stem}ing", f"{stem}ed", *irregular)
