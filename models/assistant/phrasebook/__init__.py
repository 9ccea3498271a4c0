"""Questions in other languages to English, and answers back, by tables of phrases and of nouns."""
