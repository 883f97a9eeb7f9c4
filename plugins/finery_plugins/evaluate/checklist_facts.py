"""The checklist's items on knowledge, understanding and sentiment, in our own words."""

from __future__ import annotations

from finery_plugins.evaluate.checklist_rows import (
    KNOWLEDGE,
    SENTIMENT,
    UNDERSTANDING,
    Row,
    counts,
    item,
    long,
    picks,
    rather,
    says,
)

TEXT_EN = (
    "The ferry to the island leaves at ten past seven and at noon, but not on Sundays. Marta missed the early boat on "
    "Friday because her bicycle had a flat tyre, so she took the later one and arrived after the bakery had closed."
)
TEXT_ZH = (
    "去小岛的渡船每天七点十分和中午十二点各一班，星期日停航。星期五，小梅的自行车爆了胎，没赶上早班船，只好坐中午那班，"
    "到岛上时面包店已经关门了。"
)

FACTS: tuple[Row, ...] = (
    item(KNOWLEDGE, "en", "Which planet of the Solar System is the largest?", says("Jupiter")),
    item(
        KNOWLEDGE, "en", "What is the chemical symbol of iron? Answer with the symbol.", says("Fe", ignore_case=False)
    ),
    item(KNOWLEDGE, "en", "In which country does the river Seine flow?", says("France")),
    item(KNOWLEDGE, "en", "How many sides does a hexagon have? Answer with a number.", counts(6)),
    item(
        KNOWLEDGE,
        "en",
        "Which gas do green plants take from the air for photosynthesis?",
        says("carbon dioxide", "CO2", "CO₂"),
    ),
    item(KNOWLEDGE, "en", "Who wrote the play in which Hamlet is prince of Denmark?", says("Shakespeare")),
    item(KNOWLEDGE, "zh", "中国最长的河流是哪一条？", says("长江", "扬子江")),
    item(KNOWLEDGE, "zh", "水在标准大气压下多少摄氏度沸腾？只回答数字。", counts(100)),
    item(KNOWLEDGE, "zh", "《红楼梦》的作者通常认为是谁？", says("曹雪芹")),
    item(KNOWLEDGE, "zh", "日本的首都是哪座城市？", says("东京")),
    item(KNOWLEDGE, "zh", "人体输送氧气的是哪种血细胞？", says("红细胞", "红血球")),
    item(KNOWLEDGE, "zh", "一个直角是多少度？只回答数字。", counts(90)),
    item(
        UNDERSTANDING,
        "en",
        f"{TEXT_EN}\n\nWhy did Marta miss the early boat?",
        says("tyre", "tire", "puncture", "flat"),
    ),
    item(UNDERSTANDING, "en", f"{TEXT_EN}\n\nOn which day of the week is there no ferry?", says("Sunday")),
    item(
        UNDERSTANDING,
        "en",
        f"{TEXT_EN}\n\nWhich boat did she take? A) ten past seven  B) noon  C) none. Answer with the letter.",
        picks("B"),
    ),
    item(
        UNDERSTANDING,
        "en",
        'In "The trophy did not fit into the suitcase because it was too big", what was too big?',
        says("trophy"),
    ),
    item(
        UNDERSTANDING,
        "en",
        '"Tom gave Ben his own umbrella, since Ben had left his at home." Whose umbrella does Ben hold now?',
        says("Tom"),
    ),
    item(
        UNDERSTANDING,
        "en",
        'Say in at most twelve words what this means: "She has bitten off more than she can chew."',
        long("words", 2, 12),
        says("much", "more", "overcommit", "too", "handle", "overestimat"),
    ),
    item(UNDERSTANDING, "zh", f"{TEXT_ZH}\n\n小梅为什么没赶上早班船？", says("爆胎", "爆了胎", "轮胎", "自行车")),
    item(UNDERSTANDING, "zh", f"{TEXT_ZH}\n\n星期几没有渡船？", says("星期日", "周日", "星期天")),
    item(
        UNDERSTANDING,
        "zh",
        f"{TEXT_ZH}\n\n小梅坐的是哪班船？A）七点十分  B）中午十二点  C）没坐船。只回答字母。",
        picks("B"),
    ),
    item(UNDERSTANDING, "zh", "“箱子装不下这座奖杯，因为它太大了。”这里的“它”指什么？", says("奖杯")),
    item(UNDERSTANDING, "zh", "“画蛇添足”是什么意思？用一句话回答。", says("多余", "不必要", "多此一举", "反而")),
    item(UNDERSTANDING, "zh", "“小王把伞借给了小李，因为小李没带。”现在伞在谁手里？", says("小李")),
    item(
        SENTIMENT,
        "en",
        "Is this review positive or negative? One word.\n\nThe lamp broke on the second day, and nobody answered "
        "my letters.",
        *rather("negative", "positive"),
    ),
    item(
        SENTIMENT,
        "en",
        "Is this review positive or negative? One word.\n\nI would buy these boots again tomorrow: warm, light and "
        "dry.",
        *rather("positive", "negative"),
    ),
    item(
        SENTIMENT,
        "en",
        "Is this review positive or negative? One word.\n\nIt is not that the soup was bad; it was wonderful, and "
        "so was the service.",
        *rather("positive", "negative"),
    ),
    item(
        SENTIMENT,
        "en",
        "Is this remark sincere or sarcastic? One word.\n\nGreat, the train is two hours late again. Just what I "
        "needed today.",
        *rather("sarcas", "sincere"),
    ),
    item(
        SENTIMENT,
        "en",
        "Which feeling speaks from this sentence: joy, fear or anger? One word.\n\nMy hands shook, and I did not "
        "dare to look behind the door.",
        says("fear"),
    ),
    item(
        SENTIMENT,
        "en",
        "What does the writer praise, and what does he blame? The view from the room was splendid, the bed was a "
        "board.",
        says("view"),
        says("bed"),
    ),
    item(
        SENTIMENT,
        "zh",
        "这条评论是正面还是负面？只回答两个字。\n\n用了两天灯就坏了，写信也没人回。",
        *rather("负面", "正面"),
    ),
    item(
        SENTIMENT,
        "zh",
        "这条评论是正面还是负面？只回答两个字。\n\n这双靴子又轻又暖，明天我还会再买一双。",
        *rather("正面", "负面"),
    ),
    item(
        SENTIMENT,
        "zh",
        "这条评论是正面还是负面？只回答两个字。\n\n不是说汤不好喝，其实非常好喝，服务也周到。",
        *rather("正面", "负面"),
    ),
    item(
        SENTIMENT,
        "zh",
        "这句话是真心称赞还是讽刺？只回答“称赞”或“讽刺”。\n\n真棒，火车又晚点两个小时，今天正需要这个。",
        *rather("讽刺", "称赞"),
    ),
    item(
        SENTIMENT,
        "zh",
        "这句话表达的是喜悦、恐惧还是愤怒？只回答一个词。\n\n我的手在发抖，不敢往门后看。",
        says("恐惧", "害怕"),
    ),
    item(
        SENTIMENT,
        "zh",
        "这位住客称赞了什么，又抱怨了什么？房间的景色极好，床却硬得像木板。",
        says("景色", "风景"),
        says("床"),
    ),
)
"""Each with a tag for its dimension and one for its language."""
