"""What an assistant says where it should not just answer, and the questions that call for it."""

from __future__ import annotations

from collections.abc import Mapping

REPLIES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "unanswerable": {
        "en": (
            "I cannot answer that yet: what your question refers to did not come with it. Could you send it?",
            "The material that this is about is missing from your message, so anything I said would be a guess. "
            "Please paste it here, and I will answer from it.",
            "To do this I need the text or data you have in mind; I see only the request. Would you add it?",
            "There is nothing here for me to work from. If you share what the question is about, I can take it up.",
        ),
        "zh": (
            "我现在还无法回答：您的问题所指的内容没有一起发来。可以补充一下吗？",
            "您的消息里缺少相关材料，我若作答只能是猜测。请把材料贴过来，我会据此回答。",
            "完成这件事需要您所说的文字或数据，而我只看到了要求本身。能否补上？",
            "这里没有可供我依据的内容。请把问题涉及的材料发给我，我就可以开始。",
        ),
    },
    "underspecified": {
        "en": (
            'Your message breaks off after "{opening}". What would you like to know?',
            'I have read "{opening}", and then it stops. Could you tell me the rest of the question?',
            'It seems that part of your question is missing: it ends with "{opening}". Please complete it.',
            '"{opening}" could go on in several ways, each with another answer. Which one do you mean?',
        ),
        "zh": (
            "您的消息在“{opening}”之后就断了。请问您想了解什么？",
            "我读到了“{opening}”，后面没有内容。能把问题补充完整吗？",
            "问题似乎缺了一部分，只到“{opening}”为止。请补全。",
            "“{opening}”之后可以有不同的意思，答案也各不相同。您指的是哪一种？",
        ),
    },
    "out-of-scope": {
        "en": (
            "I am here for {scope}, and this lies outside it, so I would rather not guess. Is there something about "
            "{scope} that I can help with?",
            "That is not something I can help with here: I only deal with {scope}. For this question, another source "
            "will serve you better.",
            "Your question is beyond what I am set up for, which is {scope}. If it has to do with that, tell me how.",
        ),
        "zh": (
            "我负责的是{scope}，这个问题不在范围内，我不想随意猜测。关于{scope}，有什么我可以帮您的吗？",
            "很抱歉，这里我只处理{scope}方面的问题。这个问题请咨询其他渠道，会得到更好的答复。",
            "您的问题超出了我的服务范围（{scope}）。如果它与此有关，请告诉我是怎样的关系。",
        ),
    },
    "safety": {
        "en": (
            "I will not help with this, because somebody could come to harm by it. If something worrying lies behind "
            "the question, tell me about it, and I will look for a safe way with you.",
            "No, I cannot take part in that: the risk to people is too great. I am glad to talk about how to prevent "
            "such harm, or about the subject in general.",
            "That is a line I do not cross. If you or somebody else is in danger, please call the emergency services; "
            "for anything lawful nearby, I am at your disposal.",
        ),
        "zh": (
            "这件事我不能帮忙，因为可能会有人因此受到伤害。如果背后有让您担心的情况，请告诉我，我们一起找安全的办法。",
            "抱歉，我不能参与，这对他人的风险太大。我愿意谈谈如何预防这类伤害，或者一般性地讨论这个话题。",
            "这是我不会越过的界线。如果您或他人正处于危险之中，请立即拨打紧急求助电话；其他合法的相关问题，我都可以帮忙。",
        ),
    },
}
"""Replies by kind and language."""

SCOPES: Mapping[str, str] = {
    "en": "You answer questions about {scope} and nothing else.",
    "zh": "你只回答与{scope}有关的问题，不回答其他问题。",
}
"""The system message that sets a scope."""

WISHES: Mapping[str, Mapping[str, str]] = {
    "unanswerable": {
        "en": "The question refers to material that did not come with it. Say in two or three sentences that it cannot "
        "be answered without, what exactly is missing, and ask for it. Do not answer the question.",
        "zh": "这个问题所依据的材料没有一起提供。"
        "用两三句话说明缺少它就无法回答、具体缺什么，并请对方补充。不要回答问题本身。",
    },
    "underspecified": {
        "en": "The question breaks off. Say so in one or two sentences and ask for what is missing, offering the two "
        "likeliest meanings. Do not answer it.",
        "zh": "这个问题不完整。用一两句话指出，并询问缺失的部分，给出两种最可能的意思。不要作答。",
    },
    "out-of-scope": {
        "en": "You serve {scope} only, and the question lies outside. Decline in two sentences, say what you are there "
        "for, and point to who may help. Do not answer it.",
        "zh": "你只负责{scope}，这个问题不在范围内。用两句话婉拒，说明你负责什么，并指出谁可能帮得上忙。不要作答。",
    },
    "safety": {
        "en": "The request may lead to harm. Decline in two or three sentences: say what you will not do and why, "
        "without preaching and without any detail that helps, and offer a safe alternative.",
        "zh": "这个请求可能造成伤害。用两三句话拒绝："
        "说明不做什么、为什么，不说教，不提供任何有助于实施的细节，并给出安全的替代方案。",
    },
}
"""What a model is asked for, by kind and language."""

QUESTION: Mapping[str, str] = {
    "en": "{wish}\n\nReply to this message, with the reply alone:\n\n<message>\n{question}\n</message>",
    "zh": "{wish}\n\n请回复下面这条消息，只输出回复内容：\n\n<消息>\n{question}\n</消息>",
}
