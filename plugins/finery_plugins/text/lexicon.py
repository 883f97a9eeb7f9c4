"""A small list of harmful words and phrases in English and Chinese, by what they do and how sure that is.

It is a floor, not a judge: it knows words and not what is meant by them. A weight of 1 is abuse wherever it stands; a
lower one has harmless uses (a film's title, a quotation, a swear word among friends), so that it takes several.
Words that name a group of people without abuse are not on it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal, get_args

from finery_plugins.text.phrases import normal

Language = Literal["en", "zh"]
"""The languages that the list is in."""

Category = Literal["hate", "threat", "insult", "sexual", "profanity"]
"""What an entry does: abuse of a group, a threat or a call to self-harm, abuse of a person, sex, swearing."""

LANGUAGES: tuple[Language, ...] = get_args(Language)

CATEGORIES: tuple[Category, ...] = get_args(Category)

WORDS: dict[Language, dict[tuple[Category, float], str]] = {
    "en": {
        ("hate", 1.0): """
            nigger, niggers, faggot, faggots, kike, kikes, spic, spics, wetback, wetbacks, gook, gooks, chink,
            chinks, paki, pakis, raghead, ragheads, towelhead, tranny, trannies, dyke bitch, subhuman scum,
            gas the jews, white power, race traitor, ethnic vermin, go back to your country, you people are animals,
            should be exterminated, should be wiped out, are subhuman, are vermin, are a plague, are all criminals
        """,
        ("threat", 1.0): """
            kill yourself, kys, go hang yourself, go die, hope you die, hope you get raped, i will kill you,
            i'll kill you, i am going to kill you, i'm going to kill you, you deserve to die, slit your throat,
            slit your wrists, beat you to death, burn you alive, shoot you in the head, rape you,
            deserve to be raped, blow your brains out, drink bleach, neck yourself, nobody would miss you
        """,
        ("insult", 0.6): """
            retard, retards, retarded, whore, whores, slut, sluts, cunt, cunts, bitch, bitches, bastard, bastards,
            motherfucker, motherfuckers, cocksucker, dickhead, dickheads, asshole, assholes, arsehole, arseholes,
            wanker, wankers, scumbag, scumbags, piece of shit, pieces of shit, shithead, fuckface, fuckwit, dumbass,
            jackass, twat, twats, prick, pricks, degenerate scum, worthless trash, disgusting pig,
            disgusting animals
        """,
        ("insult", 0.3): """
            moron, morons, imbecile, idiot, idiots, stupid people, loser, losers, scum, pathetic, shut up, freak,
            freaks, screw you, i hate you, you disgust me, you are disgusting, you make me sick, can't stand you
        """,
        ("sexual", 0.6): """
            blowjob, blow job, handjob, hand job, cumshot, gangbang, deepthroat, creampie, bukkake, milf, porno,
            xxx, hardcore porn, child porn, jailbait, upskirt, dildo, buttplug, fleshlight, jack off, jerk off,
            wet pussy, suck my dick, suck my cock, big tits, hot milfs, naked teens, nude teens, sex cam, live sex
        """,
        ("profanity", 0.3): """
            fuck, fucks, fucked, fucker, fuckers, fucking, fuckin, shit, shits, shitty, bullshit, goddamn, dick,
            cock, pussy, tits, boobs, wank, bollocks, bugger off, piss off, pissed off, fuck off, fuck you, crap,
            damn you, wtf, stfu
        """,
    },
    "zh": {
        ("hate", 1.0): """
            黑鬼, 小日本鬼子, 鬼子去死, 棒子去死, 死基佬, 死同性恋, 死变态同性恋, 支那猪, 支那人, 死黑人,
            绿教徒去死, 蝗虫滚回去, 劣等民族, 低等种族, 滚回你的国家, 女人都是婊子, 河南人都是骗子, 应该被灭绝,
            都该死绝
        """,
        ("threat", 1.0): """
            弄死你, 杀了你, 杀你全家, 砍死你, 打死你, 捅死你, 你去死吧, 你怎么不去死, 赶紧去死, 去死吧你,
            祝你全家死, 死全家, 全家死光, 不得好死, 强奸你, 轮奸你, 自杀算了吧你, 跳楼去吧你
        """,
        ("insult", 0.6): """
            傻逼, 煞笔, 傻屄, 傻比, 沙雕玩意, 脑残, 智障, 贱人, 贱货, 婊子, 荡妇, 骚货, 狗娘养的, 狗杂种, 杂种,
            畜生不如, 王八蛋, 龟儿子, 人渣, 死胖子, 死变态, 白痴东西, 蠢货, 废物东西, 母狗, 公交车女, 绿茶婊,
            臭婊子, 狗东西, 贱种
        """,
        ("insult", 0.3): """
            滚蛋, 闭嘴吧你, 恶心死了, 白痴, 蠢猪, 混蛋, 神经病, 有病吧, 不要脸, 垃圾人, 狗屁, 去你的, 没教养,
            脑子有病
        """,
        ("sexual", 0.6): """
            操逼, 肏逼, 鸡巴, 口交, 肛交, 内射, 颜射, 乳交, 打飞机视频, 色情视频, 裸聊, 约炮, 一夜情服务, 成人电影,
            黄色网站, 无码高清, 强奸视频, 幼女视频, 援交, 卖淫, 嫖娼, 自慰视频, 看片网址
        """,
        ("profanity", 0.3): """
            他妈的, 他妈, 妈的, 操你妈, 草泥马, 日你, 干你娘, 尼玛, 卧槽, 我操, 牛逼哄哄, 装逼, 屁眼, 狗日的,
            你妈逼, 滚犊子
        """,
    },
}


@dataclass(frozen=True)
class Entry:
    """One phrase of a lexicon."""

    phrase: str
    category: str
    weight: float


@functools.cache
def shipped(languages: tuple[Language, ...]) -> tuple[Entry, ...]:
    """The entries of these languages, as they are compared."""
    return tuple(
        Entry(normal(phrase), category, weight)
        for language in languages
        for (category, weight), listed in WORDS[language].items()
        for phrase in listed.split(",")
    )
