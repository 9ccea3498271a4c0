"""Names of languages as clients write them, to the codes of Whisper's languages.

Sources: ISO 639-1 and 639-2, and the names in openai-whisper's tokenizer.
"""

import re

ANY = frozenset(("", "auto", "multi", "none", "null", "und", "undefined"))  # the model decides

# Of each language: its code, other codes, its names.
_TABLE = """
en eng english; zh zho chi cmn chinese mandarin; de deu ger german; es spa spanish castilian; ru
rus russian; ko kor korean; fr fra fre french; ja jpn japanese; pt por portuguese; tr tur
turkish; pl pol polish; ca cat catalan valencian; nl nld dut dutch flemish; ar ara arabic; sv
swe swedish; it ita italian; id ind in indonesian; hi hin hindi; fi fin finnish; vi vie
vietnamese; he heb iw hebrew; uk ukr ukrainian; el ell gre greek; ms msa may malay; cs ces cze
czech; ro ron rum romanian moldavian moldovan; da dan danish; hu hun hungarian; ta tam tamil; no
nor nb nob norwegian; th tha thai; ur urd urdu; hr hrv croatian; bg bul bulgarian; lt lit
lithuanian; la lat latin; mi mri mao maori; ml mal malayalam; cy cym wel welsh; sk slk slo
slovak; te tel telugu; fa fas per persian; lv lav latvian; bn ben bengali; sr srp serbian; az
aze azerbaijani; sl slv slovenian; kn kan kannada; et est estonian; mk mkd mac macedonian; br
bre breton; eu eus baq basque; is isl ice icelandic; hy hye arm armenian; ne nep nepali; mn mon
mongolian; bs bos bosnian; kk kaz kazakh; sq sqi alb albanian; sw swa swahili; gl glg galician;
mr mar marathi; pa pan punjabi panjabi; si sin sinhala sinhalese; km khm khmer; sn sna shona; yo
yor yoruba; so som somali; af afr afrikaans; oc oci occitan; ka kat geo georgian; be bel
belarusian; tg tgk tajik; sd snd sindhi; gu guj gujarati; am amh amharic; yi yid yiddish; lo
lao; uz uzb uzbek; fo fao faroese; ht hat haitian_creole haitian; ps pus pashto pushto; tk tuk
turkmen; nn nno nynorsk; mt mlt maltese; sa san sanskrit; lb ltz luxembourgish letzeburgesch; my
mya bur myanmar burmese; bo bod tib tibetan; tl tgl fil filipino tagalog; mg mlg malagasy; as
asm assamese; tt tat tatar; haw hawaiian; ln lin lingala; ha hau hausa; ba bak bashkir; jw jv
jav javanese; su sun sundanese; yue cantonese
"""
_CODES = {name: names.split()[0] for names in _TABLE.split(";") for name in names.split()}
_NAMES = {
    codes[0]: next((name for name in codes if len(name) > 3 or name == "lao"), codes[0])
    for codes in map(str.split, _TABLE.split(";"))
}


def language_code(text: str) -> str | None:
    """Return the code of the language `text`, "" for any, or None if there is none of that name.

    It may be a code of two or three letters, with a region and script or without, or an English
    name: "en", "eng", "en-US", "en_us.UTF-8", "English".
    """
    name = text.strip().lower()
    if name in ANY:
        return ""
    if (code := _CODES.get(re.sub(r"\s+", "_", name))) is not None:
        return code
    return _CODES.get(re.split(r"[-_.@]", name)[0])


def language_name(code: str) -> str:
    """Return the English name of the language `code`, in lower case, or the code if it has none."""
    return _NAMES.get(code, code)
