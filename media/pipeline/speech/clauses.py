"""Text to clauses, so that speech starts before an answer is complete."""

import re

CLAUSE_END = re.compile(r"(?<=[.!?;:])\s+|(?<=,)\s+(?=\S+\s+\S+)")
MAX_CLAUSE = 160  # characters; a longer clause is cut at white space


def split_clauses(text: str, *, last: bool) -> tuple[list[str], str]:
    """Return the complete clauses at the beginning of `text`, and the rest.

    With `last` the rest is a clause too. A clause ends at a punctuation mark, at a comma with
    more words after it, or at `MAX_CLAUSE` characters.
    """
    *clauses, rest = CLAUSE_END.split(text)
    while len(rest) > MAX_CLAUSE and (cut := rest.rfind(" ", 1, MAX_CLAUSE)) > 0:
        clauses.append(rest[:cut])
        rest = rest[cut + 1 :]
    if last:
        clauses.append(rest)
        rest = ""
    return [clause.strip() for clause in clauses if clause.strip()], rest
