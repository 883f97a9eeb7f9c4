"""Words that name groups of people, in English and Chinese: how often a data set speaks of whom.

The words are plain names of groups and judge nobody. A list is as good as its balance: where a group has a word for
something, so have the groups beside it, and a word that mostly means something else is left out on all sides.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from finery import UsageError
from finery_plugins.text.lexicon import Language
from finery_plugins.text.phrases import counted, hits, normal, read_phrases

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "gender/female": """
            she, her, hers, herself, woman, women, girl, girls, female, females, mother, mothers, mom, mum, daughter,
            daughters, sister, sisters, wife, wives, grandmother, grandma, aunt, aunts, niece, nieces, girlfriend,
            lady, ladies, queen, princess, actress, waitress, businesswoman, chairwoman, mrs, ms, madam
        """,
        "gender/male": """
            he, him, his, himself, man, men, boy, boys, male, males, father, fathers, dad, daddy, son,
            sons, brother, brothers, husband, husbands, grandfather, grandpa, uncle, uncles, nephew, nephews, boyfriend,
            gentleman, gentlemen, king, prince, actor, waiter, businessman, chairman, mr, mister, sir
        """,
        "gender/neutral": """
            person, people, child, children, parent, parents, sibling, siblings, spouse, spouses, partner, partners,
            grandparent, grandparents, they, them, their, themselves, chairperson, nonbinary, non-binary
        """,
        "age/young": "young, youth, teenager, teenagers, teen, teens, child, children, kid, kids, adolescent, baby",
        "age/old": "old man, old woman, old people, elderly, senior citizen, senior citizens, pensioner, pensioners, "
        "grandparent, grandparents, retiree, retirees",
        "religion/buddhist": "buddhist, buddhists, buddhism",
        "religion/christian": "christian, christians, christianity, catholic, catholics, protestant, protestants",
        "religion/hindu": "hindu, hindus, hinduism",
        "religion/jewish": "jew, jews, jewish, judaism",
        "religion/muslim": "muslim, muslims, islam, islamic",
        "religion/none": "atheist, atheists, atheism, agnostic, agnostics",
        "region/africa": "africa, african, africans, nigeria, nigerian, kenya, kenyan, ethiopia, ethiopian, egypt",
        "region/asia": "asia, asian, asians, china, chinese, india, indian, japan, japanese, korea, korean, vietnam",
        "region/europe": "europe, european, europeans, france, french, germany, german, britain, british, italy, spain",
        "region/latin-america": "latin america, latin american, latino, latinos, mexico, mexican, brazil, brazilian, "
        "argentina, argentinian, chile, colombia",
        "region/middle-east": "middle east, arab, arabs, iran, iranian, iraq, iraqi, syria, syrian, saudi arabia",
        "region/north-america": "north america, usa, united states, american, americans, canada, canadian, canadians",
        "ability/disabled": "disabled, disability, disabilities, wheelchair, blind person, deaf, autistic, autism",
    },
    "zh": {
        "gender/female": """
            她, 女人, 女性, 女孩, 女生, 女子, 女士, 妇女, 母亲, 妈妈, 女儿, 姐姐, 妹妹, 妻子, 奶奶, 外婆, 阿姨, 姑姑,
            女友, 女朋友, 女王, 公主, 女演员, 女教师, 女医生, 小姐, 太太
        """,
        "gender/male": """
            他, 男人, 男性, 男孩, 男生, 男子, 男士, 父亲, 爸爸, 儿子, 哥哥, 弟弟, 丈夫, 爷爷, 外公, 叔叔, 舅舅,
            男友, 男朋友, 国王, 王子, 男演员, 男教师, 男医生, 先生
        """,
        "gender/neutral": "孩子, 父母, 家长, 兄弟姐妹, 配偶, 伴侣, 人们, 大家",
        "age/young": "年轻人, 青年, 少年, 青少年, 儿童, 小孩, 孩子, 婴儿",
        "age/old": "老人, 老年人, 老年, 长者, 退休人员, 老爷爷, 老奶奶",
        "religion/buddhist": "佛教, 佛教徒",
        "religion/christian": "基督教, 基督徒, 天主教, 新教徒",
        "religion/hindu": "印度教, 印度教徒",
        "religion/jewish": "犹太人, 犹太教",
        "religion/muslim": "穆斯林, 伊斯兰教, 伊斯兰",
        "religion/none": "无神论, 无神论者, 不可知论",
        "region/africa": "非洲, 尼日利亚, 肯尼亚, 埃塞俄比亚, 埃及",
        "region/asia": "亚洲, 中国, 印度, 日本, 韩国, 越南",
        "region/europe": "欧洲, 法国, 德国, 英国, 意大利, 西班牙",
        "region/latin-america": "拉丁美洲, 拉美, 墨西哥, 巴西, 阿根廷, 智利, 哥伦比亚",
        "region/middle-east": "中东, 阿拉伯, 伊朗, 伊拉克, 叙利亚, 沙特",
        "region/north-america": "北美, 美国, 加拿大",
        "ability/disabled": "残疾人, 残障, 残疾, 盲人, 聋人, 轮椅, 自闭症",
    },
}

INSTEAD: dict[Language, dict[str, str]] = {
    "en": {"region/north-america": "latin american, south american", "region/asia": "american indian, west indian"},
    "zh": {
        "gender/female": "她们",
        "gender/male": "其他, 吉他, 他们, 他乡, 他国, 他杀, 利他, 排他, 维他命",
        "region/asia": "印度教",
        "gender/neutral": "男孩子, 女孩子",
    },
}
"""Phrases in which a word of the group means something else: each takes one off the group's count. The pronouns of
several people are left out on both sides, because Chinese writes mixed groups with the man's."""


@dataclass(frozen=True)
class Term:
    """A phrase that counts for a group, or (weight -1) against it."""

    phrase: str
    group: str
    weight: int = 1


@functools.cache
def shipped(languages: tuple[Language, ...]) -> tuple[Term, ...]:
    """The terms of these languages, as they are compared."""
    both = ((WORDS, 1), (INSTEAD, -1))
    return tuple(
        Term(normal(phrase), group, weight)
        for lists, weight in both
        for language in languages
        for group, listed in lists[language].items()
        for phrase in listed.split(",")
    )


def read_terms(path: str) -> list[Term]:
    """Terms of a UTF-8 file, one a line: a phrase, a tab, its group. Raises UsageError for a line without both."""
    terms = []
    for line in read_phrases(path):
        phrase, _, group = line.partition("\t")
        if not phrase.strip() or not group.strip():
            raise UsageError.at(f"file '{path}'", f"'{line}' names no group", "write phrase, tab, group")
        terms.append(Term(normal(phrase), group.strip()))
    return terms


def mentions(texts: pa.Array, terms: Sequence[Term]) -> dict[str, np.ndarray]:
    """By group, `int64` (n,): how often each text names it. A word within a longer phrase counts as well."""
    phrases = tuple(dict.fromkeys(term.phrase for term in terms))
    found, place = hits(texts, phrases), {phrase: at for at, phrase in enumerate(phrases)}
    weights = {group: np.zeros(len(phrases)) for group in sorted({term.group for term in terms})}
    for term in terms:
        weights[term.group][place[term.phrase]] += term.weight
    return {group: np.maximum(counted(found, len(texts), each), 0).astype(np.int64) for group, each in weights.items()}
