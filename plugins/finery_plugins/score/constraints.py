"""How instructions want it done: patterns by tag, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

CONSTRAINTS: Mapping[str, tuple[str, str]] = {
    "constraint/length": (
        r"\b(?:in|within|under|at least|at most|up to|no more than|exactly|maximum(?: of)?|minimum(?: of)?|"
        r"fewer than|less than|more than|about|around|approximately|limit\w* to|max)\s+(?:\d+|one|two|three|four|"
        r"five|six|ten|a|single)[\s-]+(?:\w+\s+)?(?:words?|sentences?|paragraphs?|lines?|characters?|pages?|tokens?|"
        r"stanzas?|syllables?)\b|\b\d+[- ](?:word|sentence|paragraph|line|page|character)s?\b|\b(?:brief|concise|"
        r"short|briefly|concisely)(?:ly)?\b|\b(?:one|two|three|four|five|single)[- ](?:sentence|paragraph|word|"
        r"line)s?\b",
        r"\d+\s*(?:个)?字|字数|[一二两三四五六七八九十百]+(?:个)?(?:字|句话|段话|段落)|不超过|不少于|以内|简短|简要|"
        r"简洁|至少\s?\d+",
    ),
    "constraint/count": (
        r"\b(?:list|give|name|write|provide|generate|suggest|create|find|identify|describe|tell me|come up with|"
        r"offer|ask)\b[^.?!\n]{0,20}\b(?:\d+|two|three|four|five|six|seven|eight|nine|ten|twenty)\b|\btop (?:\d+|"
        r"three|five|ten)\b",
        r"(?:列出|列举|给出|写出|提供|推荐|举出|生成|说出|想出|介绍|提出|设计|找出)\w{0,6}?(?:\d+|"
        r"[两三四五六七八九十]+)\s?(?:个|种|条|点|首|句|项|道|部|本|款)",
    ),
    "constraint/format": (
        r"\b(?:json|xml|yaml|csv|markdown|html|latex|table|tabular|bullet(?:ed)?(?: points?)?|numbered list|"
        r"bulleted list|spreadsheet|code block|all caps|upper ?case|lower ?case|comma[- ]separated|(?:in|as) a list|"
        r"outline form)\b|\bformat(?:ted)?\b|\b(?:output|respond|reply|answer|return)(?: only)? (?:with|in|"
        r"the) (?:only |a |the )?",
        r"表格|格式|列表|JSON|json|Markdown|markdown|分点|要点形式|逗号(?:分隔|隔开)|大写|小写|代码块|XML|CSV",
    ),
    "constraint/language": (
        r"\b(?:in|using|into) (?:english|french|german|spanish|chinese|mandarin|japanese|korean|italian|russian|"
        r"arabic|hindi|latin|portuguese|dutch|turkish|simple english|old english)\b",
        r"用(?:中文|英文|英语|日语|日文|法语|德语|韩语|文言文|白话|粤语|普通话)|(?:中文|英文|英语|日文)(?:回答|输出|"
        r"回复|写)|翻译成",
    ),
    "constraint/style": (
        r"\b(?:in (?:the|an?) (?:\w+ ){1,3}(?:style|tone|voice|manner|way)|tone|formal(?:ly)?|informal|casual|"
        r"humorous|funny|professional(?:ly)?|persuasive|poetic|sarcastic|friendly|polite(?:ly)?|academic|"
        r"creative(?:ly)?|engaging|dramatic|witty|first person|third person|second person|present tense|past tense|"
        r"in the style of)\b",
        r"风格|语气|口吻|正式|幽默|口语化|书面|诗意|礼貌|生动|专业|第[一二三]人称|优美|有趣|温馨|文艺",
    ),
    "constraint/audience": (
        r"\b(?:for (?:an? )?(?:\w+ )?(?:child(?:ren)?|kids?|beginners?|students?|teenagers?|adults?|experts?|"
        r"professionals?|audience|\d+[- ]year[- ]olds?|customers?|readers?|class(?:room)?|graders?)|to (?:an?|"
        r"my) (?:child|\d+[- ]year[- ]old|beginner|layman|student|friend|boss|teacher|customer)|target audience|"
        r"like i'?m (?:five|5))\b",
        r"(?:给|对|面向|适合|针对|向)\w{0,6}(?:孩子|儿童|小学生|中学生|大学生|学生|初学者|老人|客户|读者|观众|新手|"
        r"用户|朋友)|受众",
    ),
    "constraint/steps": (
        r"\bstep[- ]by[- ]step\b|\b(?:show|explain) your (?:work|working|reasoning|steps|thinking)\b|"
        r"\bthink (?:through|aloud)\b|\beach step\b|\bsteps (?:to|for|in|of|needed)\b|\bchain of thought\b|"
        r"\bshow all\b",
        r"一步一步|逐步|分步|步骤|写出过程|推理过程|解题过程|思考过程",
    ),
    "constraint/include": (
        r"\b(?:include|including|containing|contains?|mention|using|use|with) (?:the |these |all |each of |"
        r"at least )?(?:following |given |provided )?(?:words?|phrases?|keywords?|terms?|details?|elements?|"
        r"information|items?|names?|facts?)\b|\bmake sure (?:to|that|it|you)\b|\bmust (?:include|contain|have|be|"
        r"start|end|use)\b|\bbe sure to\b|\bensure\b|\b(?:start|begin|end)(?:s|ing)? with\b",
        r"包含|包括|必须(?:有|含|包|用|使用)|要求|需要(?:包|含|有)|务必|确保|以\w{1,10}(?:开头|结尾)|使用(?:以下|"
        r"下列|这些|给定)|含有",
    ),
    "constraint/exclude": (
        r"\b(?:do not|don'?t|never|avoid|without|excluding|except(?: for)?|no (?:more|explanations?|repetition|"
        r"duplicates?)|refrain from|must not|should not|shouldn'?t|cannot use)\b|\bnothing else\b|\bonly (?:the|"
        r"answer|reply|output|return|use)\b",
        r"不要|不能|不得|禁止|避免|不可以|无需|不需要|除了|不包含|不包括|只(?:需|要|能|回答|输出|给)|切勿",
    ),
    "constraint/example": (
        r"\bfor example\b|\be\.g\.|\bexamples?:|\bsuch as\b|\blike (?:this|so)\b|\binput:[\s\S]{1,400}\boutput:|"
        r"\bhere (?:is|are) (?:an? |some )?examples?\b|\bfor instance\b",
        r"例如|比如|示例|譬如|举个例子|样例|如下所示|例[:：]|参考(?:以下|下面)",
    ),
    "constraint/evidence": (
        r"\b(?:cite|citation|sources?|references?|evidence|quotes? from|justify|support your|back (?:up|it)|"
        r"give reasons|provide (?:an? )?(?:reason|explanation|justification))\b",
        r"引用|出处|依据|证据|参考文献|理由|论据|来源|佐证",
    ),
}
"""By tag, what asks for it in English and in Chinese."""
