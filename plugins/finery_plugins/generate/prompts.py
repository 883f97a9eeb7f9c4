"""Prompts that ask for new samples like a seed, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

FORMS: Mapping[str, Mapping[str, str]] = {
    "json": {
        "en": "Reply with one JSON object and nothing else. Its fields, all strings: {fields}.",
        "zh": "只输出一个 JSON 对象，不要有其他内容。字段（均为字符串）：{fields}。",
    },
    "markers": {
        "en": "Reply in exactly this form, nothing before or after it:\nQuestion: <the question>\nAnswer: <the answer>",
        "zh": "严格按以下格式回复，前后不要有其他内容：\n问题：<问题>\n答案：<答案>",
    },
}
"""How an answer is asked for."""

STYLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "inspired": {
        "en": (
            "Here is one sample of a collection:\n\n{seed}\n\nWrite another sample that could stand beside it: of the "
            "same kind and about as hard, but on another subject and in other words. Give the question or task, and a "
            "full, correct answer.",
            "Someone who trains assistants collects tasks such as this one:\n\n{seed}\n\nInvent a task that the "
            "collection still lacks. It must make sense without the one above. Then solve it.",
        ),
        "zh": (
            "下面是某个数据集里的一条样本：\n\n{seed}\n\n请再写一条可以与它并列的样本：类型和难度相近，但话题和措辞不同。给出问题或任务，并给出完整、正确的回答。",
            "有人在收集这样的任务：\n\n{seed}\n\n请构思一个这个集合里还没有的任务，读者不看上文也能明白，然后把它做出来。",
        ),
    },
    "evolved": {
        "en": (
            "Here is a sample:\n\n{seed}\n\nWrite a harder version of its question: {change}. It must stay answerable "
            "from what it says itself. Then answer it correctly and in full.",
        ),
        "zh": (
            "这是一条样本：\n\n{seed}\n\n请把其中的问题改写得更难：{change}。改写后的问题必须仅凭自身内容就能回答。然后给出正确、完整的回答。",
        ),
    },
    "persona": {
        "en": (
            "You think of what {persona} would want to know. In the spirit of this sample:\n\n{seed}\n\nwrite a "
            "question that this person would really ask, with the detail of their situation, and the answer that "
            "helps them most.",
        ),
        "zh": (
            "请设身处地想一想：{persona}会想知道什么？参照下面这条样本：\n\n{seed}\n\n写出这个人真实会问的一个问题，带上其处境中的细节，再写出对其最有帮助的回答。",
        ),
    },
    "grounded": {
        "en": (
            "Read this text:\n\n{seed}\n\nAsk one question that the text answers and that a reader without it could "
            "still understand. Answer it from the text alone, adding nothing that the text does not say.",
            "Text:\n\n{seed}\n\nWrite a task that can be done with this text at hand, carrying into the question "
            "whatever of the text it takes, and do it with care.",
        ),
        "zh": (
            "阅读下面的文字：\n\n{seed}\n\n提出一个这段文字能够回答的问题，没有读过原文的人也要看得懂。只依据原文作答，不要补充原文没有的内容。",
            "文字：\n\n{seed}\n\n请设计一个借助这段文字可以完成的任务，把所需内容写进问题里，并认真完成它。",
        ),
    },
}
"""Prompts by style and language. Self-instruct (Wang et al. 2022), Evol-Instruct (Xu et al. 2023), personas (Ge et al.
2024) and questions about a given text gave the ideas; the words are our own."""

CHANGES: Mapping[str, tuple[str, ...]] = {
    "en": (
        "add a condition that the answer has to meet",
        "let it take one more step of reasoning",
        "replace general notions by particular ones, with names and numbers",
        "ask for the reasons beside the result",
        "give it an exception that has to be handled",
        "widen it so that two fields have to be brought together",
    ),
    "zh": (
        "增加一个回答必须满足的条件",
        "让它多需要一步推理",
        "把笼统的说法换成具体的人名和数字",
        "除结果外还要求说明理由",
        "加入一个需要处理的例外情况",
        "扩大范围，使其需要结合两个领域的知识",
    ),
}
"""Ways to make a question harder."""

PERSONAS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "a nurse on night shift",
        "a pupil of twelve who likes puzzles",
        "the owner of a small bakery",
        "a retired engineer learning to program",
        "a translator who works from home",
        "a farmer with little time and poor reception",
        "a student before an examination",
        "somebody new in the country",
        "a chemist who writes for lay readers",
        "a parent of three with a tight budget",
        "a municipal clerk who has to explain rules",
        "a mechanic in a bicycle shop",
    ),
    "zh": (
        "一位上夜班的护士",
        "一个喜欢谜题的十二岁学生",
        "一家小面包店的店主",
        "一位正在学编程的退休工程师",
        "一位在家工作的译者",
        "一位时间紧、信号差的农民",
        "一个临考的大学生",
        "一个刚到这座城市的人",
        "一位为普通读者写作的化学家",
        "一位预算紧张的三个孩子的家长",
        "一位需要解释规定的办事员",
        "一位自行车店的修理工",
    ),
}
"""Who might ask."""
