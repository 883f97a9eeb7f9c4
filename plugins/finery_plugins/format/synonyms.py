"""Words in place of others: a small table of ours, or the user's, and a text rewritten by it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from finery import UsageError
from finery_plugins.generate.draws import Draws

Table = Mapping[str, Sequence[str]]

GROUPS = (
    "big large", "small little", "quick fast rapid", "begin start", "end finish", "buy purchase",
    "help assist", "answer reply", "ask inquire", "show display", "use employ", "important significant",
    "difficult hard", "easy simple", "often frequently", "perhaps maybe", "however nevertheless",
    "therefore hence", "also too", "about approximately", "enough sufficient", "choose select",
    "fix repair mend", "get obtain", "give provide", "keep retain", "look appear", "need require", "old aged",
    "order sequence", "part portion", "problem issue", "quiet silent", "rich wealthy", "sad unhappy",
    "happy glad", "say state", "try attempt", "whole entire", "wrong incorrect", "correct right",
    "build construct", "change alter", "happen occur", "idea notion", "job task", "kind type sort",
    "large sizeable", "mistake error", "nearly almost", "road street", "seem appear", "sure certain",
    "allow permit", "explain clarify", "improve better", "reduce lower", "increase raise", "quickly rapidly",
    "slowly gradually", "begins starts", "uses employs", "shows displays", "needs requires", "helps assists",
    "gives provides", "usually normally", "大 巨大", "美丽 漂亮 好看", "高兴 开心 快乐", "重要 关键",
    "困难 艰难", "简单 容易", "帮助 协助", "开始 着手", "结束 终止", "购买 采购", "使用 运用", "需要 须要",
    "可能 也许 或许", "非常 十分 特别", "经常 时常 常常", "立即 马上 立刻", "因此 所以 因而", "但是 不过 可是",
    "然而 可是", "询问 打听", "回答 答复", "告诉 告知", "修理 维修", "改变 改动", "增加 增添", "减少 降低",
    "问题 疑问", "方法 办法", "错误 差错", "大概 大约", "几乎 差不多", "选择 挑选", "解释 说明", "允许 准许",
    "建造 修建", "迅速 快速", "安静 宁静", "正确 对", "整个 全部", "显示 展示", "提供 给予", "保持 维持",
    "获得 得到", "提高 提升",
)  # fmt: skip
"""Words that can often stand for each other, a group a line."""


@functools.cache
def shipped() -> Table:
    """Our table: every word with the others of its groups."""
    found: dict[str, list[str]] = {}
    for group in map(str.split, GROUPS):
        for word in group:
            # A single Chinese character is part of too many other words to be replaced.
            if len(word) > 1:
                found.setdefault(word, []).extend(other for other in group if other != word)
    return found


def read_table(path: str) -> Table:
    """The user's table: a word, a tab, and what may stand for it, parted by commas. Raises UsageError for a bad one."""
    place = f"synonyms '{path}'"
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError.at(place, str(error), "give a text file in UTF-8") from error
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        word, _, others = line.partition("\t")
        values = [other.strip() for other in re.split("[,，]", others) if other.strip()]
        if not word.strip() or not values:
            raise UsageError.at(f"{place}, line {number}", "is no entry", "write: word, tab, others parted by commas")
        found[word.strip().lower()] = values
    if not found:
        raise UsageError.at(place, "holds no words", "write: word, tab, others parted by commas")
    return found


def pattern(table: Table) -> re.Pattern[str]:
    """What finds the words of a table, the longest first, among any others of letters: a choice of hundreds is slow."""
    words = sorted(table, key=lambda word: (-len(word), word))
    phrases = [re.escape(word) for word in words if word.isascii() and not word.isalpha()]
    others = [re.escape(word) for word in words if not word.isascii()]
    parts = [rf"\b(?:{'|'.join(phrases)})\b"] if phrases else []
    return re.compile("|".join([*parts, r"\b[a-z]+\b", *others]), re.IGNORECASE)


def replaced(text: str, rate: float, drawn: Draws, table: Table, words: re.Pattern[str]) -> str:
    """A text in which a word in `rate`, of those in the table, gives way to another; its capitals are kept."""
    every = [found for found in words.finditer(text) if found[0].lower() in table] if rate else []
    parts, end = list[str](), 0
    for hit in drawn.places(len(every), rate):
        found = every[hit]
        parts += [text[end : found.start()], capital(found[0], drawn.pick(table[found[0].lower()]))]
        end = found.end()
    return "".join([*parts, text[end:]])


def capital(before: str, after: str) -> str:
    """A word with the capitals of the one before it."""
    if len(before) > 1 and before.isupper():
        return after.upper()
    return after[:1].upper() + after[1:] if before[:1].isupper() else after
