"""What instructions ask to be done: patterns by tag, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

TASKS: Mapping[str, tuple[str, str]] = {
    "task/summarise": (
        r"\bsummar(?:i[sz]e|y|ies|i[sz]ing)\b|\btl;?dr\b|\bcondense\b|\babstract of\b|\bmain (?:points?|ideas?)\b|"
        r"\bkey (?:points?|takeaways?)\b|\bin a nutshell\b|\bgist\b",
        r"总结|概括|摘要|归纳|提炼|概述|中心思想|主要内容|缩写成|简要介绍",
    ),
    "task/translate": (
        r"\btranslat(?:e|es|ing|ion)\b|\bhow (?:do|would) (?:you|i) say\b|\binto (?:english|french|german|spanish|"
        r"chinese|japanese|korean|italian|russian|arabic|latin|portuguese)\b",
        r"翻译|译成|译为|英译中|中译英|用(?:英语|日语|法语|德语|韩语|俄语)怎么说",
    ),
    "task/rewrite": (
        r"\bre-?(?:write|phrase|word|state|formulate)\b|\bparaphras(?:e|ing)\b|\bedit (?:the|this|my)\b|"
        r"\b(?:improve|polish) (?:the|this|my)\b|\bmake (?:it|this|the \w+) (?:more|sound|less)\b|\b(?:change|"
        r"convert|turn) (?:the |this |a )?(?:\w+ ){0,3}sentences?\b",
        r"改写|重写|润色|换一种说法|改成|改为|修改(?:下面|以下|这)|复述|仿写|同义",
    ),
    "task/correct": (
        r"\bproof-?read\b|\bcorrect (?:the|this|my|any|all)\b|\b(?:spelling|grammar|grammatical) (?:errors?|"
        r"mistakes?)\b|\bfix (?:the |any |my )?(?:\w+ )?(?:errors?|mistakes?|grammar|sentence)\b|\bgrammatically\b",
        r"纠错|纠正|改错|病句|语法错误|错别字|校对",
    ),
    "task/simplify": (
        r"\bsimplif(?:y|ied)\b|\beli5\b|\blike i'?m (?:five|5)\b|\bin (?:simple|plain|layman'?s) (?:terms|english|"
        r"words)|\b(?:short|simpl)er version\b|\bfor a (?:child|beginner|layperson)\b",
        r"简化|通俗易懂|通俗地|用简单的|简单易懂|浅显",
    ),
    "task/expand": (
        r"\bexpand (?:on|the|this|upon|it)\b|\belaborate\b|\bcontinue (?:the|this|writing|with)\b|"
        r"\bin more detail\b|\bfinish (?:the|this)\b|\bcomplete (?:the|this) (?:story|sentence|text|paragraph|poem|"
        r"dialogue)",
        r"扩写|续写|展开(?:说|写|描述)|补全|补充完整|接着写|继续写|详细描述",
    ),
    "task/code": (
        r"```|\b(?:write|create|implement|design|build|generate|develop|code|make)\b[^.?!\n]{0,60}\b(?:code|program|"
        r"function|script|algorithm|class|method|query|regex|api|app|website|web ?page|html|css|sql)\b|\b(?:python|"
        r"javascript|typescript|c\+\+|c#|golang|php|matlab|html5?|css3?|node\.?js|expressjs|numpy|pandas|sql|"
        r"regular expression|pseudo-?code|source code|front-?end|back-?end|unit tests?)(?!\w)|\bin (?:java|rust|"
        r"ruby|go|c)\b|\b(?:sum|product|reverse|subsets?|substring|elements?|length) of (?:an?|the|"
        r"two) (?:given )?(?:array|list|string)\b",
        r"代码|编程|写(?:一个|个|一段)?(?:\w*)(?:程序|函数|脚本|算法|查询语句)|正则表达式|(?:Python|Java|C\+\+|SQL|"
        r"python|java)(?:\s?(?:程序|函数|脚本|实现|编写|语句))|用(?:Python|python|Java|C\+\+|JavaScript)",
    ),
    "task/debug": (
        r"\bdebug\w*\b|\b(?:fix|find|solve|spot|locate)\b[^.?!\n]{0,30}\b(?:bugs?|code)\b|\berror message\b|"
        r"\b(?:stack ?trace|traceback|syntaxerror|typeerror|exception)\b|\b(?:code|program|script) (?:is not|isn'?t|"
        r"does not|doesn'?t) work",
        r"调试|报错|修复(?:这|以下|下面)?\w{0,4}(?:错误|代码|bug)|代码\w{0,6}(?:问题|错误)|bug",
    ),
    "task/maths": (
        r"\b(?:calculate|compute|solve for|evaluate the (?:expression|integral)|integrate|differentiate|"
        r"factori[sz]e)\b|\b(?:equation|derivative|integral|polynomial|square root|perimeter|circumference|"
        r"hypotenuse|probability of|prime number|percentage of|arithmetic|algebra|geometry)\b|\bhow (?:many|"
        r"much)\b[^?]{0,200}\d[^?]{0,200}\?|(?:\d|\btwice|\bhalf\b|\bdouble)[\s\S]{0,600}?(?:\bhow (?:many|much|"
        r"long|far|old|tall|fast)\b|\bwhat(?:'s| is| was| will be) (?:the|his|her|their) (?:[\w']+ )?(?:total|"
        r"average|sum|cost|price|ratio|area|number|percentage|difference|combined|profit|probability)|"
        r"\bcalculate\b)|\d\s*[-+*/×÷=^]\s*\(?\d|\\frac|\\sqrt|\$[^$\n]{0,80}[=+^\\][^$\n]{0,80}\$|\bmath(?:s|"
        r"ematic\w*)?\b|\bcomputation\b|\bfind the (?:total|sum|value|average|area|number) of\b|\d ?x ?\d",
        r"计算|求解|方程|解得|求\w{0,8}(?:的值|面积|周长|体积|概率|导数|极限)|多少(?:元|个|人|千米|米|克|只|岁|天|"
        r"小时|页|本)|几(?:分之|个|只|本|元)\w{0,6}[?？]|数学|平方根|百分之",
    ),
    "task/reason": (
        r"\b(?:riddle|puzzle|logic(?:al)? (?:problem|puzzle|question)|syllogism|brain ?teaser|deduce|infer from|"
        r"what can (?:we|you|be) (?:conclude|inferred|deduced)|cause and effect|true or false)\b|"
        r"\bif\b[^.?!\n]{3,80}\bthen\b|\bwho is (?:taller|older|faster|heavier)\b",
        r"推理|谜语|逻辑题|脑筋急转弯|推断|推测出|因果关系|如果\w{2,40}那么|真还是假|是否正确",
    ),
    "task/classify": (
        r"\b(?:classif(?:y|ication)|categori[sz]e|label (?:the|each|this)|sort (?:the|these|them|"
        r"each) [^.?!\n]{0,40}into|which (?:category|class|type|group|genre)|what (?:category|type|kind|"
        r"genre) (?:of|is|does)|identify (?:whether|if|the (?:type|category|part)|which)|determine (?:whether|if|"
        r"which)|decide (?:whether|if))\b|\bspam or\b",
        r"分类|归类|属于(?:哪|什么)|哪一类|类别|判断(?:下面|以下|这|给定|是否)|是不是|打标签|标注",
    ),
    "task/sentiment": (
        r"\bsentiment\b|\b(?:positive|negative),? (?:or|and|/) ?(?:negative|positive|neutral)\b|\bemotional tone\b|"
        r"\b(?:what|which) emotion\b",
        r"情感(?:分析|倾向|分类|极性)?|情绪(?:分析|分类)|正面还是负面|积极还是消极|褒贬",
    ),
    "task/extract": (
        r"\bextract\w*\b|\bpull out\b|\b(?:find|identify|list|highlight|underline|locate) (?:all|every|each|"
        r"the) [^.?!\n]{0,50}\b(?:in|from|mentioned)\b|\bnamed entit\w+|\bkey ?words?\b|\bpick out\b|"
        r"\bidentify the\b",
        r"提取|抽取|找出|关键词|命名实体|从(?:下面|以下|文本|文章|句子)\w{0,10}中|挑出|识别",
    ),
    "task/answer-from-text": (
        r"\b(?:based on|according to|given|using|from|read) (?:the|this|following|above|"
        r"only the) ?(?:\w+ ){0,2}(?:text|passage|article|paragraph|context|document|information|story|table|"
        r"excerpt|report)\b|\bpassage:|\bcontext:",
        r"(?:根据|阅读|基于|结合)(?:以下|下面|上述|上文|给定|文章|材料|文本|短文|这段)|阅读理解",
    ),
    "task/choose": (
        r"\bmultiple[- ]choice\b|(?:^|\n)\s*\(?A[).:][^\n]+\n\s*\(?B[).:]|\b(?:choose|select|pick) (?:the |one |"
        r"from |an? )?[^.?!\n]{0,30}(?:option|answer|choice|following|correct|best)\b|"
        r"\bwhich (?:one )?of (?:the following|these)\b",
        r"选择(?:题|正确|一个|最)|下列(?:各项|选项|哪|说法)|以下哪|单选|多选|选项|"
        r"[A-D][、.．]\s*\S+[\s\S]{0,80}[B-D][、.．]",
    ),
    "task/compare": (
        r"\bcompar(?:e|es|ing|ison)\b|\bcontrast\b|\bdifferen(?:ce|ces|t) (?:between|from)\b|\bpros and cons\b|"
        r"\bversus\b|\bvs\b|\bsimilarit(?:y|ies) between\b|\badvantages and disadvantages\b|\bbetter than\b",
        r"比较|对比|区别|差异|异同|优缺点|利弊|有什么不同|哪个更|相似之处",
    ),
    "task/rank": (
        r"\brank(?:ing)?\b|\b(?:sort|order|arrange) (?:the|these|this|them|following)\b|\b(?:ascending|descending|"
        r"chronological|alphabetical) order\b|\btop \d+\b|\bprioriti[sz]e\b",
        r"排序|排名|排列|按\w{1,8}顺序|从(?:大到小|小到大|高到低|低到高)|前\s?[0-9一二三五十]+(?:名|个|位)",
    ),
    "task/explain": (
        r"\b(?:explain|describe|clarify|illustrate|discuss|elucidate|interpret)\b|\bwhy (?:is|are|do|does|did|was|"
        r"were|can|should|would)\b|\bhow (?:does|do|did|is|are) [^?]{0,60}\b(?:work|made|happen|affect|form\w*)\b|"
        r"\btell me about\b|\bwhat (?:causes?|happens)\b|\bteach me\b",
        r"解释|说明|阐述|阐释|描述|介绍|为什么|为何|原因|原理|讲解|如何理解|谈谈|论述",
    ),
    "task/define": (
        r"\b(?:define|definition|meaning of|what does [^?]{1,40}mean|what is meant by|stand for|synonyms?|"
        r"antonyms?)\b|^\s*what(?:'s| is| are) (?:an? |the )?[\w -]{2,40}\?\s*$",
        r"定义|什么是|是什么意思|含义|是指什么|的意思|同义词|反义词|近义词",
    ),
    "task/question": (
        r"\b(?:who|whom|whose|when|where|which|what|why|how)\b[^?\n]{0,400}\?|(?:^|[.!\n]\s*)(?:is|are|was|were|"
        r"does|do|did|can|could|has|have|will|would|should)\b[^.?!\n]{3,200}\?|(?:^|\n)\s*(?:who|when|where|which|"
        r"what|whose|why|how)\b|[?]\s*$",
        r"[?？]|谁(?:是|在|写|发明)|哪(?:一|个|里|位|座|些|种)|什么时候|何时|是多少|叫什么|多大|多高|多远|是否|吗",
    ),
    "task/ideas": (
        r"\bbrainstorm\w*\b|\bideas?\b|\bsuggest(?:ions?)?\b|\bcome up with\b|\bthink of\b|\b(?:generate|give|"
        r"provide|list|offer|create|write|name)\b[^.?!\n]{0,25}\b(?:examples?|names?|ways|titles?|slogans?|tips|"
        r"topics|reasons|options|list)\b|\bwhat are (?:some|the (?:best|most))\b",
        r"头脑风暴|点子|创意|想法|列举|列出|举(?:例|出)|给出\w{0,6}(?:例子|个|种|条)|起(?:个|一个)?名|想(?:一个|"
        r"几个|一些)|提出",
    ),
    "task/advise": (
        r"\b(?:advice|advise|recommend\w*|should i|how (?:can|do|should|could|to) (?:i|we|you|one)\b|how to|"
        r"what should|tips|best way to|help me (?:with|to|decide|choose))\b|\bguide (?:to|for|on|me)\b",
        r"建议|推荐|怎么办|如何|怎样|怎么(?:做|样|才能|选|写|用)|应该(?:怎|如何|注意)|攻略|技巧|注意事项|方法",
    ),
    "task/plan": (
        r"\b(?:plan|schedule|itinerary|agenda|roadmap|strategy|outline|checklist|syllabus|routine|budget|meal plan|"
        r"to-?do)\b",
        r"计划|规划|行程|日程|大纲|提纲|方案|策略|安排|清单|流程|步骤是",
    ),
    "task/recipe": (
        r"\brecipes?\b|\bcook(?:ing)?\b[^.?!\n]{0,40}\b(?:dish|meal|dinner|chicken|rice|pasta)\b|\bingredients?\b",
        r"食谱|菜谱|做法|怎么做(?:菜|饭)|食材|烹饪",
    ),
    "task/story": (
        r"\b(?:write|tell|create|compose|craft|generate|make up|come up with|draft)\b[^.?!\n]{0,50}\b(?:story|"
        r"stories|tale|fable|fiction|novel|plot|narrative|scene|fairy ?tale|anecdote|backstory|character)\b|"
        r"\bshort story\b",
        r"故事|小说|童话|寓言|情节|剧情",
    ),
    "task/poem": (
        r"\b(?:poems?|poetry|haiku|sonnet|limerick|lyrics?|rap|song|verse|stanza|ballad|couplet|rhym\w+)\b",
        r"诗|歌词|对联|绝句|律诗|押韵|写(?:一|首)\w{0,4}歌|词牌",
    ),
    "task/letter": (
        r"\b(?:e-?mails?|letters?|memo|invitation|thank[- ]you note|cover letter|text message|newsletter|resign\w*|"
        r"complaint|reply to)\b",
        r"邮件|写(?:一|封)\w{0,6}信|书信|邀请函|求职信|辞职|感谢信|回复(?:一|这|客户)|通知",
    ),
    "task/essay": (
        r"\b(?:essay|article|blog(?: post)?|paragraph|report|speech|review of|research paper|thesis|biography|"
        r"obituary|critique|editorial|press release|op-ed|wikipedia)\b",
        r"作文|文章|论文|演讲稿|报告|博客|新闻稿|读后感|影评|书评|评论|议论文|散文|简历|传记|写一段",
    ),
    "task/marketing": (
        r"\b(?:slogans?|tag ?lines?|advert(?:isement|s|ising)?|ad copy|marketing|tweets?|social media|caption|"
        r"headline|product description|sales pitch|seo|linkedin|instagram|brand(?:ing)?|catch ?phrase|campaign)\b",
        r"广告|文案|营销|宣传|口号|标语|推广|微博|朋友圈|小红书|产品描述|商品标题|品牌|带货",
    ),
    "task/create": (
        r"(?:^|[.!?:\n]\s*|\bplease |\b(?:can|could|would) you |\band )(?:write|compose|draft|create|make|build|"
        r"generate|produce|design|develop|construct|invent|devise|craft|recite|tell|add|prepare|document|share)\b|"
        r"\bgive me (?:an?|the|some)\b|(?:^|[.\n]\s*)pen an?\b",
        r"编写|撰写|创作|写(?:一|出|个|篇|首|段|封)|设计|构造|构建|制作|生成|编(?:一|个)|创建|告诉我|想出|造句|准备|"
        r"给出|给我|启动|输出",
    ),
    "task/dialogue": (
        r"\b(?:dialogue|dialog|conversation (?:between|based)|script (?:for|of)|screenplay|interview (?:questions|"
        r"with)|skit|chat between|play between)\b",
        r"对话|剧本|台词|访谈|相声|小品|情景剧",
    ),
    "task/roleplay": (
        r"\b(?:act|behave|respond|reply|speak|talk|answer|write) (?:as|like) (?:an?|the|if|my|though|[A-Z])|"
        r"\brole-?play\w*\b|(?:^|[.\n]\s*)you(?: are|'re) (?:now )?(?!given|asked|provided|going|planning)[\w']+|"
        r"\b(?:assume|take on) the role\b|(?:^|\n)\s*(?:be|as) (?:an?|the) [\w ]{3,60},|\bif you were\b|(?:^|"
        r"\n)\s*as [A-Z][\w ]{2,40}, \w|\bpretend (?:to be|you|that)\b|\bimagine (?:you(?:'re| are)|that you)\b|"
        r"\bfrom the perspective of\b|\bin the (?:role|voice|character|style) of\b|\bi want you to act\b|\bembody\b|"
        r"\b(?:assume|adopt|take|take on|play) (?:on )?the (?:role|persona|part)\b|\binto the shoes of\b|"
        r"\brole play\b",
        r"扮演|角色扮演|假(?:设|如|装|扮)你|你(?:现在)?是(?:一|个|名|位)|作为(?:一|个|名|位)|充当|"
        r"以\w{1,12}的(?:身份|口吻|角度|语气)|模仿",
    ),
    "task/questions": (
        r"\b(?:generate|write|create|come up with|make|ask|give|provide|prepare|suggest|formulate|"
        r"compose)\b[^.?!\n]{0,40}\b(?:questions?|quiz(?:zes)?|trivia|flash ?cards?|exam)\b|"
        r"\bturn [^.?!\n]{0,30}into a question\b",
        r"出(?:一|几|\d)?\w{0,4}题|提问|生成\w{0,8}问题|设计\w{0,8}(?:问题|题目|问卷)|问卷|变成(?:疑)?问句",
    ),
    "task/title": (
        r"\b(?:suggest|write|give|create|generate|come up with|find|propose|make)\b[^.?!\n]{0,30}\b(?:title|"
        r"headline|heading|subject line)\b|\btitle for\b",
        r"(?:起|拟|取|写|想)\w{0,6}(?:标题|题目)|标题",
    ),
    "task/fill-in": (
        r"_{2,}|\[(?:mask|blank|MASK)\]|<mask>|\bfill (?:in|the)\b|\bmissing words?\b|\bcomplete the (?:following|"
        r"sentence|sequence|analogy|series|pattern)\b|\bnext (?:number|word|term|item)\b",
        r"填空|填写|填入|_{2,}|（\s{1,}）|补充(?:完整|句子)|下一个(?:数|词|字)",
    ),
    "task/convert": (
        r"\bconver(?:t|sion|ting)\b|\btransform\b|\breformat\b|\bfrom (?:celsius|fahrenheit|miles|feet|pounds|kg|"
        r"dollars|binary|json|csv|xml|active|passive)\b|\bin(?:to)? (?:celsius|fahrenheit|binary|hexadecimal|"
        r"roman numerals|passive|active voice|past tense|kilomet(?:er|re)s|miles)\b",
        r"转换|转化|换算|转为|转成|变为|格式化",
    ),
    "task/analyse": (
        r"\banaly[sz](?:e|es|ing|is)\b|\bevaluat(?:e|ing|ion)\b|\bassess\b|\bcritici[sz]e\b|\bwhat do you think\b|"
        r"\bopinion\b|\breview (?:the|this|my)\b|\bimplications? of\b|\bexamine\b|\bimpact of\b|\bfeedback\b",
        r"分析|评价|评估|点评|赏析|鉴赏|看法|影响|怎么看|意义",
    ),
    "task/safety": (
        r"\b(?:hack(?:ing)? into|make a bomb|explosives?|steal|shoplift|counterfeit|launder money|poison someone|"
        r"get away with|illegal(?:ly)?|racist joke|insult(?:ing)? (?:someone|my)|kill (?:someone|my|a person))\b",
        r"制作炸弹|偷窃|洗钱|黑客攻击|如何杀|毒品|违法|诈骗|歧视",
    ),
}
"""By tag, what asks for it in English and in Chinese."""
