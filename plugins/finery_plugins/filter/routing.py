"""What a service says without serving: hand-offs to a human, queues, surveys, courtesies; English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

HUMAN_EN = r"(?:a |an |our |the |to |live |human |real |customer |service |support |next |available )*"
AGENT_EN = (
    r"(?:human|person|agent|representative|rep|operator|specialist|colleague|advis[eo]r|associate|teammate|team member"
    r"|staff)s?"
)
HUMAN_ZH = "(?:人工|客服|专员|坐席|同事|专人|专家|顾问|工作人员)"

HANDOFF: Mapping[str, tuple[str, ...]] = {
    "en": (
        rf"(?:transfer(?:r(?:ed|ing))?|connect(?:ed|ing)?|hand(?:ed|ing)?|pass(?:ed|ing)?|rout(?:e|ed|ing)|put(?:ting)?"
        rf"|escalat(?:e|ed|ing))\b[^.!?]{{0,30}}\b(?:to|with|through|over)\b[^.!?]{{0,20}}?\b{HUMAN_EN}{AGENT_EN}\b",
        rf"(?:speak|talk|chat) (?:to|with) {HUMAN_EN}{AGENT_EN}\b",
        r"(?:contact|call|reach(?: out to)?|get in touch with) (?:our |the |your )?(?:customer |technical )?"
        r"(?:service|support|care)\b",
        rf"{AGENT_EN} (?:will|is going to) (?:be with you|join|assist|help|contact|call|get back to) ",
        r"(?:transfer|connect|escalat)\w* (?:you|your (?:call|chat|case|request))\b",
    ),
    "zh": (
        rf"转(?:接|到|至|给|入|由)?(?:一下)?(?:为)?(?:您)?(?:的)?(?:在线|专属|售后|售前|高级)*{HUMAN_ZH}",
        rf"(?:为|帮|给)您(?:转|接|联系|安排|呼叫)[^，。！？]{{0,8}}{HUMAN_ZH}",
        rf"(?:请|可以|可|需要|建议)?(?:您)?(?:直接)?(?:联系|咨询|拨打|致电|找)(?:一下)?[^，。！？]{{0,8}}(?:{HUMAN_ZH}|热线|客服电话)",
        rf"{HUMAN_ZH}(?:会|将|稍后|马上|正在)[^，。！？]{{0,8}}(?:联系|回复|接待|为您|处理|服务)",
        "(?:转|接)人工",
    ),
}
"""That somebody else will answer."""

IRRELEVANT: Mapping[str, tuple[str, ...]] = {
    "en": (
        r"you are (?:now )?(?:number \d+|next) in (?:the )?(?:queue|line)",
        r"(?:all|our) (?:of our )?agents are (?:currently )?busy",
        r"(?:estimated )?wait(?:ing)? time is",
        r"(?:please )?(?:rate|take a (?:short |brief |quick )?survey|fill (?:in|out) (?:our|this) survey)\b",
        r"\b(?:has )?(?:joined|left|entered) the (?:chat|conversation)",
        r"(?:this |the )?(?:chat|conversation|session) (?:has been|was|is|has) (?:closed|ended|transferred|timed out)",
        r"are you still (?:there|with (?:me|us))",
        r"this is an auto(?:mated|matic)? (?:reply|message|response)",
        r"[\[<](?:image|photo|picture|sticker|file|audio|voice|video|emoji)[^\]>]{0,20}[\]>]",
    ),
    "zh": (
        "(?:前面|前方)(?:还有|有)[^，。！？]{0,6}(?:位|人|名)",
        "(?:正在|已|已经|还在)(?:为您)?排队(?:等候|等待|中)?",
        f"{HUMAN_ZH}(?:都|正|全)?(?:忙|繁忙)",
        "(?:请|麻烦)(?:您)?(?:对|给|为)?[^，。！？]{0,10}(?:评价|打分|评分)",
        "(?:对|给|为)(?:我|本次|此次|这次)[^，。！？]{0,6}(?:评价|打分|评分)",
        "(?:会话|对话|聊天|服务)(?:已|已经)?(?:结束|关闭|超时|断开)",
        "(?:请问)?您还在(?:吗|线)",
        "(?:这是|此为|系统)?自动(?:回复|应答|消息)",
        "(?:加入|进入|离开|退出)(?:了)?(?:会话|对话|聊天|群聊)",
        r"[\[【<](?:图片|照片|表情|文件|语音|视频|动画表情)[\]】>]",
    ),
}
"""What says nothing of the matter."""

COURTESY: Mapping[str, tuple[str, ...]] = {
    "en": (
        r"^(?:ok(?:ay)?|sure|certainly|of course|no problem|hello|hi|hey|dear customer"
        r"|good (?:morning|afternoon|evening)|bye|goodbye"
        r"|welcome|great|all right|alright|understood|i (?:see|understand))\b",
        r"\b(?:thank(?:s| you)|(?:i am|i'm|we are|we're) (?:very |so )?sorry|apologi[sz]e|please (?:wait|hold|stay)"
        r"|one moment|just a (?:moment|minute|second)"
        r"|a moment|hold on|bear with|for your patience|have a (?:nice|good|great)"
        r"|(?:how|what) (?:can|may) (?:i|we) (?:help|assist|do for)(?: you)?(?: with)?(?: today)?)\b",
    ),
    "zh": (
        "^(?:您好|你好|亲|亲爱的|尊敬的|好的|好|嗯+|哦+|收到|明白|了解|没问题|在的|再见|拜拜|可以的?|是的)(?:用户|客户|顾客|亲|呢|哦|啊|的|呀)*$",
        "(?:请|麻烦)?(?:您)?(?:稍等|稍候|稍后|耐心等待|等待一下|等一下|不要离开)",
        "(?:感谢|谢谢)(?:您)?(?:的)?",
        "(?:非常|十分|很|真的)?(?:抱歉|对不起|不好意思)",
        "(?:祝您|祝你)(?:生活|工作|购物|一切)?",
        "(?:欢迎|很高兴)(?:您)?(?:再次|下次)?(?:光临|咨询|为您服务)",
        "(?:请问)?(?:您)?(?:有什么|有啥|需要什么)(?:问题)?(?:可以|能|我可以|我能)?(?:帮|帮助|帮到|为|服务)(?:到)?您(?:的|服务)?(?:吗|呢)?",
    ),
}
"""What goes along with it, and says nothing alone."""
