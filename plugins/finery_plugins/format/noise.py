"""Noise as people make it: slips of the keyboard, mistaken characters, loose punctuation, moved sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping

from finery_plugins.generate.draws import Draws

ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
LETTERS = re.compile(r"[A-Za-z]")
HAN = re.compile(r"[一-鿿]")
MARKS = re.compile(r"[,.;:!?，。；：！？、]")
WIDTHS: Mapping[str, str] = dict(zip(",.;:!?，。；：！？", "，。；：！？,.;:!?", strict=True))
SENTENCES = re.compile(r"(?:(?<=[.!?])[ \t]+|(?<=[。！？]))(?=\S)")
"""Where a sentence ends within a line."""

CONFUSED = (
    "在再", "的得地", "做作坐座", "他她它", "那哪", "已以", "向像象", "带代待", "必毕", "须需", "历厉",
    "己已巳", "未末", "土士", "人入", "天夫", "日曰", "干千", "午牛", "大太犬", "田由甲申", "今令", "木本",
    "白自", "目日", "晴睛清情", "请清", "辨辩辫", "拔拨", "侯候", "折拆", "戊戌戍", "籍藉", "博搏", "钓钩",
    "蓝篮", "练炼", "即既", "检捡", "州洲", "园圆", "急及级", "名明", "工公功", "长常场", "是事市", "有又友",
    "和合河", "进近尽", "到道", "里理", "只指止", "会回", "心新", "生声", "前钱", "知之", "气汽", "题提",
    "意义", "成程城", "分份", "报抱", "账帐", "密蜜", "幕慕暮", "竟竞", "受授", "付副", "订定", "复覆", "反返",
)  # fmt: skip
"""Chinese characters that are taken for each other because they sound or look alike, from common slips."""


def neighbours() -> dict[str, str]:
    """The letters beside each letter on a QWERTY keyboard, in its row and the rows next to it."""
    found = {}
    for row, letters in enumerate(ROWS):
        for at, letter in enumerate(letters):
            beside = [letters[max(0, at - 1) : at], letters[at + 1 : at + 2]]
            above = ROWS[row - 1][at : at + 2] if row else ""
            below = ROWS[row + 1][max(0, at - 1) : at + 1] if row + 1 < len(ROWS) else ""
            found[letter] = "".join([*beside, above, below])
    return found


BESIDE = neighbours()
MISTAKEN: Mapping[str, str] = {
    one: "".join(dict.fromkeys(other for group in CONFUSED if one in group for other in group if other != one))
    for one in dict.fromkeys("".join(CONFUSED))
}
"""What each character may be mistaken for."""


def mistyped(text: str, rate: float, drawn: Draws) -> str:
    """A text in which a letter in `rate` is hit beside, doubled, dropped or swapped with the next."""
    places = [found.start() for found in LETTERS.finditer(text)] if rate else []
    letters = list(text)
    for at in (places[hit] for hit in drawn.places(len(places), rate)):
        slip, letter = drawn.below(4), letters[at]
        if slip == 0:
            near = drawn.pick(BESIDE[letter.lower()])
            letters[at] = near.upper() if letter.isupper() else near
        elif slip == 1 and len(letters[at]) == 1:
            letters[at] = letter * 2
        elif slip == 2 and at + 1 < len(text) and LETTERS.fullmatch(letters[at + 1]):
            letters[at], letters[at + 1] = letters[at + 1], letter
        else:
            letters[at] = ""
    return "".join(letters)


def mistaken(text: str, rate: float, drawn: Draws) -> str:
    """A text in which a Chinese character in `rate`, of those that have one, gives way to another like it."""
    places = [found.start() for found in HAN.finditer(text) if found[0] in MISTAKEN] if rate else []
    characters = list(text)
    for hit in drawn.places(len(places), rate):
        characters[places[hit]] = drawn.pick(MISTAKEN[text[places[hit]]])
    return "".join(characters)


def loosened(text: str, rate: float, drawn: Draws) -> str:
    """A text in which a punctuation mark in `rate` is dropped, doubled or written in the other width."""
    places = [found.start() for found in MARKS.finditer(text)] if rate else []
    characters = list(text)
    for hit in drawn.places(len(places), rate):
        mark = text[places[hit]]
        characters[places[hit]] = ("", mark * 2, WIDTHS.get(mark, ""))[drawn.below(3)]
    return "".join(characters)


def reordered(text: str, drawn: Draws) -> str:
    """A text with the sentences of each line in another order; the gaps between them stay where they are."""
    return "".join(moved(line, drawn) for line in text.splitlines(keepends=True))


def moved(line: str, drawn: Draws) -> str:
    """One line with its sentences in another order."""
    body = line.rstrip()
    gaps = SENTENCES.findall(body)
    sentences = SENTENCES.split(body)
    if len(sentences) < 2:
        return line
    order = drawn.shuffled(sentences)
    joined = "".join(part for pair in zip(order, [*gaps, ""], strict=True) for part in pair)
    return joined + line[len(body) :]
