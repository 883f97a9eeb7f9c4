"""Phrasings of classification, generation and question answering, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

FIELDS: Mapping[str, Mapping[str, bool]] = {
    "classification": {"text": True, "label": True},
    "generation": {"topic": True, "text": True},
    "qa": {"question": True, "answer": True, "context": False, "choices": False},
}
"""The fields of each task, and whether every record needs them."""

ANSWERS: Mapping[str, str] = {"classification": "label", "generation": "text", "qa": "answer"}
"""The field of each task that is the answer."""

SEPARATORS: Mapping[str, str] = {"en": ", ", "zh": "、"}
"""What stands between labels."""

CLASSIFICATION = {
    "en": (
        "Which of these labels fits the text: {labels}?\n\n{text}",
        "Classify the following text as one of: {labels}.\n\n{text}",
        "Read the text and choose its label from {labels}.\n\nText: {text}",
        "{text}\n\nWhich label describes the text above? Choose from: {labels}.",
        "Label this text. The labels to choose from are {labels}.\n\n{text}",
        "Here is a text:\n\n{text}\n\nAnswer with the one of {labels} that suits it best.",
        "Decide to which category the text belongs ({labels}). Answer with the category only.\n\n{text}",
        "Given the categories {labels}, sort this text into one of them:\n\n{text}",
        "Text: {text}\nCategories: {labels}\nCategory:",
        "I have to sort texts into {labels}. Where does this one go?\n\n{text}",
        "What would you call the text below: {labels}?\n\n{text}",
        'Pick the right label for what follows. Possible labels: {labels}.\n\n"{text}"',
    ),
    "zh": (
        "请判断下面这段文字属于哪一类：{labels}。\n\n{text}",
        "从{labels}中为下文选择一个标签。\n\n{text}",
        "阅读文本，并把它归入以下类别之一：{labels}。\n\n文本：{text}",
        "{text}\n\n上面这段话属于哪个类别？可选类别：{labels}。",
        "给这段文字打上标签，可选的标签有{labels}。\n\n{text}",
        "文本：{text}\n类别：{labels}\n所属类别：",
        "下面的内容应该归到哪一类？请在{labels}中作答。\n\n{text}",
        "请只回答类别名称。可选类别为{labels}。\n\n{text}",
        "我需要把文本分成{labels}几类，请问这一条属于哪类？\n\n{text}",
        "这是一段文字：\n\n{text}\n\n它最符合{labels}中的哪一个？",
        "对下列文本进行分类（{labels}）：\n\n{text}",
        "根据内容，在{labels}中选出最合适的一项。\n\n{text}",
    ),
}

GENERATION = {
    "en": (
        "Write a text about the following.\n\n{topic}",
        "Write something on this topic: {topic}",
        "Compose a passage that starts from this: {topic}",
        "{topic}\n\nWrite a text that fits the lines above.",
        'Please write about "{topic}".',
        "Draft a text with this subject:\n\n{topic}",
        "Topic: {topic}\nText:",
        "I need a text on the following. Can you write it?\n\n{topic}",
        "Produce a passage for this heading: {topic}",
        "What could a text about {topic} look like? Write it.",
        "Use what is given here to write a complete text.\n\n{topic}",
        "Put this into a full text: {topic}",
    ),
    "zh": (
        "请围绕下面的内容写一段文字。\n\n{topic}",
        "以“{topic}”为题写一篇文章。",
        "根据以下主题写作：{topic}",
        "{topic}\n\n请根据以上内容写一段完整的文字。",
        "请写一段关于{topic}的文字。",
        "主题：{topic}\n正文：",
        "我需要一篇关于下面这个话题的文字，请帮我写出来。\n\n{topic}",
        "请根据给出的要点成文。\n\n{topic}",
        "为这个标题写出正文：{topic}",
        "就以下内容展开写一段：{topic}",
        "请起草一段文字，主题如下。\n\n{topic}",
        "把下面的内容扩写成完整的文章。\n\n{topic}",
    ),
}

QUESTIONS = {
    "en": (
        "{question}",
        "Answer the question.\n\n{question}",
        "Question: {question}\nAnswer:",
        "Please answer this question: {question}",
        "{context}\n\nAnswer from the text above: {question}",
        "Read the text and answer the question.\n\nText: {context}\n\nQuestion: {question}",
        "Here is what is known:\n\n{context}\n\n{question}",
        "{question}\n\nUse this text for your answer:\n\n{context}",
        "{question}\n\n{choices}\n\nWhich choice is right?",
        "Choose the right answer.\n\n{question}\n{choices}",
        "{context}\n\n{question}\n{choices}\n\nWhich of these is right?",
        "Read the text, then choose the right answer.\n\n{context}\n\nQuestion: {question}\n{choices}",
    ),
    "zh": (
        "{question}",
        "请回答下面的问题。\n\n{question}",
        "问题：{question}\n回答：",
        "请问：{question}",
        "{context}\n\n请根据上文回答：{question}",
        "阅读材料并回答问题。\n\n材料：{context}\n\n问题：{question}",
        "已知：\n\n{context}\n\n{question}",
        "{question}\n\n请依据下面的材料作答：\n\n{context}",
        "{question}\n\n{choices}\n\n哪个选项是正确的？",
        "请选出正确答案。\n\n{question}\n{choices}",
        "{context}\n\n{question}\n{choices}\n\n以上选项中哪一个正确？",
        "阅读材料，选出正确答案。\n\n{context}\n\n问题：{question}\n{choices}",
    ),
}

PHRASINGS = {"classification": CLASSIFICATION, "generation": GENERATION, "qa": QUESTIONS}
"""Phrasings by task and language."""
