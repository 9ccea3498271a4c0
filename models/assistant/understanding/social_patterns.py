"""Patterns of what is said to the assistant and not about the picture; see `patterns`."""

LANGUAGE = (
    r"\b(?:speak|talk|understand|know|answer|reply|switch|change|use|translate|say|converse|"
    r"respond)\b"
    r".*\b(?:<language>|(?:other|another|different|foreign|new) languages?)\b",
    r"\b(?:what|which|how many|other|new|switch|change|another)\b.*\blanguages?\b",
    r"\blanguages? (?:do|can|are|to|setting)\b",
    r"\b(?:in|to|into) <language>\b",
    r"^(?:speak )?<language>(?: please)?$",
    r"\b(?:your|my|the) (?:\w+ )?language\b",
)
THANKS = (
    r"^(?:(?:many|great|lovely|perfect|super|nice|ok|very|wonderful|that is|no|it|all|"
    r"cool|awesome|well|oh|good|good job|brilliant|excellent|that (?:was|is)(?: \w+){0,3}|"
    r"i am|you are(?: \w+){0,3}) )*(?:thanks?|thank you|thx|cheers|much obliged|thankful|"
    r"grateful|ta)\b",
    r"\b(?:appreciate|obliged|grateful)\b",
    r"^(?:that is|you are|how) (?:very |so |really )?kind\b",
    r"^you have been (?:very |really |so )?(?:helpful|kind|great)",
    r"\bthanks?(?: you)?$",
    r"\bspecial thanks\b",
    r"\b(?:gratitude|appreciated|i owe you)\b",
    r"\b(?:great|big|huge|real) help\b",
    r"^i am (?:glad|happy) (?:that )?you (?:did|helped)\b",
)
FAREWELL = (
    r"\b(?:good ?bye|bye|see (?:you|ya)(?! there)|farewell|cya|so long|peace out)\b(?! (?:is|"
    r"was|in the))",
    r"^(?:ok |well |and |then )*good ?night\b",
    r"^(?:take care|until (?:next|later|tomorrow)|later|catch you)\b",
    r"^(?:talk|speak) (?:to you )?(?:soon|later|tomorrow)\b",
    r"^i (?:have to|must|need to|gotta|got to|should|will|am going to) (?:go|leave|run|be going)\b",
    r"^i am (?:leaving|off|going)\b",
    r"^(?:have|enjoy) (?:a|your) (?:\w+ )?(?:day|evening|night|weekend|time|one)\b",
    r"^that (?:is|will be) all\b",
    r"^we are done\b",
    r"^(?:this |it )?(?:was )?(?:a )?(?:nice|good|great|lovely) (?:to )?(?:talk|chat|speak|"
    r"conversation|see)",
    r"^i enjoyed (?:talk|chat|speak)",
)
GREETING = (
    r"^(?:so )?how(?: is| are|s)? (?:you|ya|it|things|everything|life|your day)(?: are| is| been| "
    r"doing| doin| going| feeling| today| all| so far)*$",
    r"^how do you do$",
    r"^how have you been\b",
    r"^(?:so )?what is (?:up|new with you|going on with you)$",
    r"^(?:sup|wassup|welcome|heyo)$",
    r"^how is it (?:going|hanging)(?: my friend| buddy| today)?$",
    r"^(?:it is )?(?:nice|pleased|good|great|glad) to (?:meet|see|talk|hear)\b",
    r"^are you (?:there|ok|okay|well|good|awake|all right|doing (?:well|ok|good))$",
    r"^(?:is )?any(?:body|one) home$",
    r"^you (?:ok|there)$",
)
JOKE = (
    r"\b(?:jokes?|riddle|funny|joking|laugh|amuse|entertain|cheer me up|pun|knock knock|"
    r"fun fact)\b",
    r"\btell (?:me|us) (?:a|another|some) (?:\w+ )?(?:story|tale|poem)",
    r"\bsing\b.*\b(?:song|for me|me)\b",
)
NOT_JOKE = (r"^(?:you are|that is|that was) ",)
HISTORY = (
    r"\b(?:i|we) (?:\w+ )?(?:ask|asked|say|said|tell|told|mention|mentioned)\b",
    r"\byou (?:\w+ )?(?:say|said|answer|answered|answering|tell me (?:before|earlier)|"
    r"told|mention|reply|replied)\b(?! me when)",
    r"\b(?:my|your|the) (?:\w+ )?(?:questions?|answers?|reply|statement|sentence|remark)\b",
    r"\bsay (?:that|it|this) (?:\w+ )?again\b",
    r"^(?:please )?(?:repeat|again|pardon|say again|come again|what did you say)\b",
    r"^(?:sorry|pardon|what|huh|excuse me)$",
    r"\b(?:my|our) (?:own )?(?:name|conversation|chat|discussion)\b",
    r"\bname\b.* (?:for|call) me$",
    r"\bwho (?:am i|i am)\b",
    r"\brepeat(?:ed)?\b",
    r"\byou (?:\w+ )?ask(?:ed)?(?: me)?(?: again)?$",
    r"\bask me (?:that )?again$",
    r"^what was (?:that|said|that question)(?: again)?$",
    r"\bname (?:is|i have) (?:mine|told)",
    r"\b(?:we|been) (?:talk(?:ed|ing)?|discuss(?:ed|ing)?|chat(?:ted|ting)?|"
    r"speak(?:ing)?) about\b",
    r"\bmany questions\b",
    r"\bcatch that\b",
    r"\bknow me\b",
    r"\bcall me$",
    r"\babout me\b",
    r"\bremember me\b",
    r"\bhear that again\b",
    r"\brun that by me\b",
    r"\bone more time\b",
)
NOT_HISTORY = (
    r"^(?:my name is|call me) \w+",
    r"\b(?:can|could|may|should|to) (?:i|we) (?:\w+ )?ask\b",
    r"\bquestions? (?:can|could|do|are)\b",
    r"\byou (?:can )?answer\b",
    r"^(?:can|could) i ask\b",
    r"\banswer to that$",
    r"\bstatement is\b",
    r"\bif i may ask$",
)
ABILITY = (
    r"\bwhat (?:all |else |exactly )?(?:can|could|can not|do|are|would) (?:you|i) (?:\w+ "
    r")?(?:do|able to do|ask|help|capable|good at|know|offer|detect|recogni[sz]e|"
    r"understand|here for|for|use)\b",
    r"\bwhat (?:sorts?|kinds?|types?) of (?:things|questions|stuff|requests|commands|"
    r"tasks|objects|topics|help|subjects)\b",
    r"\bwhat (?:things|questions|topics|tasks|commands|subjects|areas|stuff|objects) "
    r"(?:can|could|do|are|should) (?:you|i)\b",
    r"\bwhich (?:things|objects|questions|animals|kinds)? ?(?:\w+ )?(?:can|could|do) "
    r"(?:you|i)\b",
    r"^(?:please )?(?:help|instructions|manual|usage|commands|options)(?: me| please)*$",
    r"^how (?:can|could|do|does|should) (?:you|i|this|it|one) (?:\w+ )?(?:help|use|work|"
    r"operate|assist|function|talk|start)\b",
    r"\b(?:your|my) (?:limits?|limitations?|abilities|ability|features?|capabilities|"
    r"skills?|functions?|options|weaknesses|strengths|purpose|expertise)\b",
    r"^(?:can|are|could|do) you (?:able to )?(?:\w+ )?(?:hear|recogni[sz]e (?:faces?|"
    r"people|things|me|text|objects)|remember|count|read|draw|talk|speak|listen|record|"
    r"store|see colou?rs|tell (?:people|colou?rs)|learn|understand|help|do "
    r"(?:anything|math|maths)|search|look up|sing)(?: (?:me|us|things|people|faces|"
    r"anything|this|well|in the dark|other things|what i say|what happened|text|it all))*$",
    r"^do you have (?:a )?memory\b",
    r"^what do you remember$",
    r"\bask you (?:about|to do)?$",
    r"\bable to (?:hear|see|do|help)\b",
    r"\bwhat is possible\b",
    r"\b(?:subjects?|topics?|information|info)\b.*\byou\b.*\b(?:know|familiar|understand|answer)\b",
    r"\bwhat (?:\w+ ){0,4}questions? (?:can|could|do|are)\b",
    r"\b(?:can|could|may|allowed to|should) (?:i|we)? ?(?:\w+ )?ask (?:you|the ai)\b",
    r"^what (?:\w+ )?(?:can|could|may|am|should) i (?:allowed to )?ask\b",
)
SELF = (
    r"^(?:and |so )*(?:who|what|where|how old|how tall|how big|how smart|what exactly|who "
    r"exactly|what kind of (?:\w+ )?|which (?:\w+ )?)(?: \w+)? ?(?:are|were|is) "
    r"you(?:r)?\b(?! (?:see|looking|watching|sure|doing|holding))",
    r"\bare you (?:an? |the |some )?(?:\w+ )?(?:human|robot|machine|person|program|"
    r"computer|bot|ai|real|alive|chatgpt|gpt|siri|alexa|google|model|conscious|"
    r"intelligent|smart|man|woman|male|female|boy|girl|living|artificial|listening|"
    r"recording|watching me|stupid|single|married|people|thing|being|software|self aware|"
    r"sentient|old|young|from|named|called|actual|virtual|eyeline)\b",
    r"\b(?:your|you go by|you called|call you) ?(?:name|age|family|job|hobby|hobbies|boss|"
    r"creator|maker|birthday|parents?|favou?rite|home|hometown|origin|developer|version|"
    r"gender|pets?|nationality|address|employer|company|owner|purpose in life|opinion|"
    r"dreams?|interests?|spare time|free time|passion|title|handle)?$",
    r"\byour (?:\w+ )?(?:name|age|family|job|hobby|hobbies|boss|creator|maker|birthday|"
    r"parents?|favou?rite|home|hometown|origin|developer|version|gender|pets?|nationality|"
    r"employer|company|owner|interests?|title|birth|inventor|designer|programmer|"
    r"location)\b",
    r"\bwho (?:\w+ )?(?:makes?|made|built|created|programmed|designed|invented|wrote|owns|"
    r"trained|developed|pays|controls|runs|coded|manufactured|employs|brought|formed) (?:you|this|"
    r"eyeline)\b",
    r"\b(?:responsible for|behind) (?:your|creating|making|building|you)\b",
    r"\bwhere (?:are |were |do |did )?you (?:were |are |come )?(?:from|born|created|made|live|"
    r"originate)\b",
    r"\bwhen you were (?:made|created|born|built)\b",
    r"\bwho you work for\b",
    r"\bwhat (?:company|team|person|people|country|place|state|year|organi[sz]ation) "
    r"(?:\w+ ){0,3}(?:made|built|created|you|programmed|designed|developed)\b",
    r"\b(?:you|were you) (?:born|come from|live|made|built|created|programmed|developed|"
    r"reside|located|originate)\b",
    r"\bdo you (?:have|like|love|hate|want|feel|sleep|eat|dream|live|exist|work|believe|"
    r"enjoy|own|keep|get|go|need|drink|come|answer to|prefer|know who you)\b(?! (?:a "
    r")?memory)",
    r"\bcan you (?:think|feel|love|sleep|eat|dream)\b",
    r"\b(?:tell (?:me|us) (?:\w+ )?about|introduce|describe) (?:yourself|you)\b",
    r"\bwhat is eyeline\b",
    r"\bwho is eyeline\b",
    r"\bperson behind (?:this|you)\b",
    r"\b(?:am i|is this) (?:talking|speaking|chatting|a (?:real )?(?:person|human|bot|"
    r"robot|machine|computer))\b",
    r"\bwhich (?:\w+ )?model\b",
    r"\bwhat (?:\w+ )?model\b",
    r"\bwhat (?:should|do|can|may|shall) (?:i|people|we|they|your \w+) call you\b",
    r"\bwho (?:do|are) you (?:work|employed|report|serve)",
    r"\bwhere (?:do|did|are|were) you\b(?! (?:see|find|notice|last|first|spot))",
    r"\bhow long have you (?:existed|been alive)",
    r"\bwhat (?:do|would) you (?:like|love|want|enjoy|think of|think about me|do for "
    r"(?:fun|a living|work))\b",
    r"\bdo for fun\b",
    r"\bwhat year were you\b",
    r"\bwhen were you\b",
    r"\bis your name\b",
    r"\bpets?\b.*\byou\b",
    r"\byou\b.* an? (?:\w+ ){0,2}(?:robot|bot|human|person|machine|being|computer|program)\b",
    r"\b(?:if )?you (?:are|were) (?:real|alive|human|artificial)\b",
    r"\bhobb(?:y|ies)\b|\b(?:free|spare) time\b|\bfor fun\b|\blife form\b",
    r"\bname\b.*\b(?:you|yourself)\b|\b(?:you )?call yourself\b",
    r"\b(?:company|person|team|people) (?:that|who|which) (?:made|makes|built|created) you\b",
    r"\b(?:manufactures|conjured|formed|programmed) (?:you|thou)\b",
)
NOT_ABILITY = (r"\bfor fun\b|\bhobb(?:y|ies)\b|\b(?:free|spare) time\b",)
NOT_SELF = (
    r"\b(?:see|seen|saw|looking at|watching for|look at)\b",
    r"\b(?:this|that|the) (?:\w+ )?(?:book|letter|note|article|song|painting|picture|film|movie)\b",
)
REMARK = (
    r"^(?:ok|okay|yes|yeah|yep|yup|no|nope|nah|sure|right|fine|alright|all right|good|great|nice|"
    r"cool|wow|oh|ah|aha|hm+|well|wonderful|awesome|perfect|interesting|excellent|amazing|maybe|"
    r"perhaps|exactly|correct|wrong|true|false|indeed|absolutely|definitely|certainly|whatever|"
    r"stop|silence|quiet|understood|lol|haha\w*|bravo|sorry|please|enough|affirmative|negative|"
    r"possibly|probably|continue|listen|agreed|confirmed|accepted|approved|invalid|idk|facts|"
    r"nevermind|congratulations)\b(?:(?: \w+){0,5}| .*\b(?:true|right|wrong|yes|no|correct))$",
    r"^(?:of course|never mind|forget it|shut up|be quiet|not (?:really|at all|sure|happening)|"
    r"got it|"
    r"i see|good job|well done|go on|come on|uh huh|do not (?:know|worry)|no (?:problem|idea)|"
    r"could be|"
    r"i pass|hell no)\b",
    r"^(?:that|this|it|you|he|she|they|we|these|those) (?:is|are|was|were|look|looks|seem|seems|"
    r"makes) "
    r"(?!you\b)",
    r"^(?:i|my|we|our) (?!wonder|want you|need you|would like (?:you|to know))",
    r"^(?:happy|merry) ",
)
