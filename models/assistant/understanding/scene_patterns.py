"""Patterns of what a question about the scene asks for, in the order in which they are tried."""

from models.assistant.understanding.wanted import Wanted

NAMES = (
    r"^(?:and )?what (?:do|can|could|did) (?:you|we|i) (?:\w+ )?(?:see|notice|spot|recogni[sz]e)\b",
    r"^(?:and )?(?:what|which) (?:is|are|was|were) (?:this|that|these|those|it|he|she|there|"
    r"here|in|"
    r"on|visible|shown|before|else|the (?:thing|object|main|biggest|largest))\b",
    r"^(?:and )?what (?:am|was) i (?:holding|showing|looking at|pointing at)\b",
    r"^(?:and )?what (?:have (?:we|you|i) got|else\b)",
    r"^(?:what|which) (?:kind|sort|type|breed|species) of <shown>s? (?:is|are|was|do|can)\b",
    r"^(?:what|which) (?:\w+ )?<shown>s? (?:is|are|was|do|can)\b",
    r"^(?:(?:can|could|would) you )?describe (?:what|the|this|everything)\b",
    r"^(?:describe|identify|name|recogni[sz]e|look at)\b",
    r"^(?:tell me |say )?what you (?:can )?see\b",
    r"^(?:can|do|could) you see (?:anything|something|it|this|that|what)\b",
    r"^(?:is|are) there (?:anything|something)\b",
    r"^(?:what is|tell me about|show me|how about|what about) (?:(?:the|this|your) )?"
    r"(?:scene|picture|image|view|room|video|frame)\b",
    r"^what (?:does|do) (?:this|that|it|the \w+|these) (?:show|look like)\b",
    r"^what about (?:this|that)\b",
)
WHO_IN_VIEW = (
    r"^(?:and )?who(?: else)?$",
    r"^(?:and )?who(?:m)? (?:is|was|are|were) (?:there|here|this|that|it|he|she|they|these|"
    r"those|in|on|at|"
    r"around|with|visible|near|left|still)\b",
    r"^(?:and )?who(?:m)? (?:is|was|are|were) the (?:<people>|guy|boy|girl|child)\b",
    r"^(?:and )?who(?:m)? (?:can|do|did|have|has|else|came|went|left) (?!you (?!see|saw|seen|"
    r"notice))",
)
PATTERNS: tuple[tuple[Wanted, tuple[str, ...]], ...] = (
    (
        Wanted.TIMES,
        (r"^how (?:many times|often)\b",),
    ),
    (
        Wanted.DURATION,
        (r"^(?:and )?(?:for )?how long (?:was|were|did|has|have|is|are|had)\b",),
    ),
    (
        Wanted.PEOPLE,
        (
            r"\bhow many (?:\w+ )?<people>\b",
            r"\bnumber of <people>\b",
            r"\bcount (?:the |all )?<people>\b",
            r"^(?:am|is|are|was|were) (?:i|he|she|we|they|you|(?:the|this|that) <people>) "
            r"(?:here |all |really |still )*alone\b",
        ),
    ),
    (
        Wanted.COUNT,
        (
            r"^(?:and )?how many (?!times|different|kinds|things|objects|items)",
            r"^(?:and )?how many (?:different )?(?P<things>things|objects|items) "
            r"(?:are|can|do)\b(?!.* on (?:the|my|your|this|that) \w+$)",
            r"^(?:please )?count (?:the|these|those|all|my|his|her)\b",
            r"^(?:can|could|would|will) you (?:please )?count (?:the|these|those|all|my|his|her)\b",
            r"\bnumber of\b",
            r"^(?:is|are) there (?:exactly |only |just )?"
            r"(?P<word>(?:(?:more|fewer|less) than |at least )?"
            r"(?:one|two|three|four|five|six|seven|\d{1,3}))\b",
        ),
    ),
    (
        Wanted.BESIDE,
        (
            r"^(?:and )?what (?:else )?(?:is|are|stands|lies) (?:there )?(?:to the |on the )?"
            r"(?P<word>left|right) (?:side )?of (?:the|my|your|this|that|a) (?!picture|image|"
            r"screen|room|camera|view|frame)\w+",
            r"^(?:and )?what (?:else )?(?:is|are|stands|lies) (?:there )?(?P<word2>next to|beside|"
            r"near|close to|by|around|above|over|below|under|underneath|beneath|behind|"
            r"in front of) (?:the|my|your|this|that|a) (?!camera|picture|image|screen)\w+",
        ),
    ),
    (
        Wanted.IS_ON,
        (
            r"^(?:and )?(?:is|are) (?:there )?(?:an? |the |my |your |any )(?:\w+ )+?"
            r"(?:lying |standing )?on (?:the|my|your|this|that|a) "
            r"(?P<support>(?:dining )?(?:table|desk|bed|sofa|couch|chair|bench))$",
        ),
    ),
    (
        Wanted.ON,
        (
            r"^(?:and )?(?:what|how many (?:different )?(?:things|objects|items)) (?:else )?"
            r"(?:is|are|lies|stands) (?:there )?on "
            r"(?:the|my|your|this|that) (?:dining )?(?:table|desk|bed|sofa|couch|chair|bench)$",
        ),
    ),
    (
        Wanted.IS_HELD,
        (
            r"^(?:and )?(?:am|is|are) (?:i|we|he|she|they|you|any(?:one|body)|some(?:one|body)|"
            r"(?:the|this|that) <people>) (?:still |now |really )?(?:holding|carrying) (?!up (?:my|"
            r"a|one|two|three|four|five|his|her|\d)\b)",
        ),
    ),
    (
        Wanted.HOLDING,
        (
            r"^(?:and )?what (?:am|is|are) (?:i|we|he|she|they|you|(?:the|this|that) <people>|"
            r"<people>) (?:now )?(?:holding|carrying)\b",
            r"^(?:and )?what (?:do i have|have i got|is) in (?:my|his|her|their|the) hands?$",
        ),
    ),
    (
        Wanted.WHICH_FIRST,
        (
            r"\b(?:which|what|who) (?:\w+ )?(?:came|was|were|appeared|did you see|have you seen) "
            r"(?:there )?(?P<word>first|last|earlier|later)\b.*\bor\b",
        ),
    ),
    (
        Wanted.ORDER,
        (
            r"^(?:and )?(?:what|who|which|did|was|were|has|have|any|some|name|tell)\w*\b.*"
            r"\b(?P<word>before|after|following|prior to)\b",
        ),
    ),
    (
        Wanted.WHEN,
        (
            r"^(?:and )?(?:since |until )?when (?!will\b|can\b|should\b|am\b|do\b|does\b|is the "
            r"next\b)"
            r"(?:.*?\b(?P<word>first|last)\b)?",
            r"\bwh(?:at|ich) time (?:did|was|were)\b",
            r"^how long ago (?:did|was|were)\b",
        ),
    ),
    (
        Wanted.SIDE,
        (
            r"^(?:what|who|which \w+) (?:is|are|was|were) (?:there )?(?:on|to|in|at) (?:the |your "
            r"|my )?(?P<word>left|right|middle|cent(?:er|re))(?: side| hand side| of .*)?$",
        ),
    ),
    (
        Wanted.WHERE,
        (
            r"^(?:and )?where(?:abouts)?\b",
            r"^(?:on |at )?wh(?:ich|at) side\b",
            r"\bposition of\b",
        ),
    ),
    (
        Wanted.COLOUR,
        (
            r"\bwh(?:at|ich) (?:is the )?colour\b",
            r"\bcolour (?:is|of|was|does|did)\b",
            r"\bhow is .* coloured\b",
        ),
    ),
    (
        Wanted.ENDS,
        (
            r"\b(?P<word>first|last|earliest|latest|newest|oldest|most recent) (?:\w+ "
            r")?(?:thing|object|one|item|picture|animal|person)?s?\b.*(?:saw|see|seen|there|"
            r"shown|came|view)",
            r"^what (?:was|came|did you see|have you seen) (?:there )?(?P<end>first|last)\b",
            r"^(?:and )?(?:what|which|who)\b.*\b(?:show|shown|hold|held|see|saw|seen|come|came|"
            r"appear|appeared|there|up|you|me)(?: the)? (?:very )?(?P<close>first|last)$",
        ),
    ),
    (
        Wanted.CHANGE,
        (
            r"\bwhat (?:has |is |was |have )?(?:just )?(?:changed|new|different|appeared|"
            r"disappeared)\b",
            r"\b(?:anything|something) (?:new|changed?|different)\b",
            r"\bdid (?:anything|something) (?:change|happen)\b",
            r"^what just (?:happened|came)\b",
        ),
    ),
    (
        Wanted.EMPTY,
        (r"^(?:is|was) (?:the |this |my )?(?:\w+ )?(?:\w+ )?empty\b",),
    ),
    (
        Wanted.LIST,
        (
            r"\bhow many (?:different )?(?:kinds of )?(?P<count>things|objects) (?:have|did|had)\b",
            r"\bwhat (?:all )?(?:else )?(?:did|have|had) (?:you|we) (?:all )?(?:been )?(?:see|saw|"
            r"seen|notice|noticed|watch|watched|recogni[sz]ed?|spot|spotted|remember)\b",
            r"\bwhat (?:all )?(?:did|have) i (?:show|shown|hold|held|present)",
            r"\bwhat (?:has|have) (?:been )?(?:there|shown|in view|happened)\b",
            r"^what (?:was|were) (?:there|shown|visible|in (?:the )?\w+)$",
            r"\beverything (?:that )?you",
            r"^(?:please )?(?:list|summari[sz]e|sum up|recap)\b",
            r"^what happened\b",
            r"^what (?:things |objects |animals )?(?:do you remember|have you got in memory)",
        ),
    ),
    (
        Wanted.WHO,
        WHO_IN_VIEW,
    ),
)
NOT_NAMES = (
    r"\bwhat is (?:it|this|that|he|she) (?:for|about|made|used|worth|called|doing|like|to)\b",
    r"\bit (?:used|made|called|worth)\b",
)
ME = (
    r"\b(?:see|notice|recogni[sz]e|spot|find) (?:me|us)\b",
    r"\bam i (?:in|visible|there|here|on)\b",
    r"\bare we (?:in|visible)\b",
)
YES_NO = (
    r"^(?:and )?(?:is|are|was|were|am|do|does|did|have|has|can|could|any(?:one|body|thing)?|"
    r"some(?:one|body)|no(?:body| one))\b",
)
COLOUR_STATED = (
    r"^(?:and )?(?:is|are|was|were) (?:the|this|that|these|my|your|it)\b.*\b"
    r"(?P<what>black|gr[ea]y|white|red|orange|yellow|green|blue|purple|pink|brown)$",
)
SIDE_STATED = (
    r"^(?:and )?(?:is|are|was|were|(?:do|can|could) you see) .*\b(?:on|to|in|at) "
    r"(?:the |your |my )?"
    r"(?P<word>left|right|middle|cent(?:er|re))(?: side| hand side)?$",
)
PRESENCE = (
    r"^(?:and )?(?:is|are|was|were) there\b",
    r"\b(?:see|saw|seen|notice|noticed|spot|spotted|recogni[sz]e|shown?|found|find)\b",
    r"^(?:and )?(?:is|are|was|were) (?:it|this|that|these|those|he|she|they) "
    r"(?:(?:really|maybe|perhaps|still|also) )*(?:an?|the|my|your|some|any) ",
    r"^(?:and )?(?:any|some|no)(?:one|body| one)?\b",
    r"^(?:and )?(?:is|are|was|were|am) .*\b(?:there|here|visible|present|around|back|in|on|at|"
    r"by|near|"
    r"inside|left|gone)\b",
    r"^(?:and )?(?:has|have|did) .*\b(?:been|come|came|appear|appeared|arrive|arrived|pass|passed|"
    r"left|gone|leave|enter|entered|show up)\b",
)
