"""Writes two messy sources for an example of curation: crawled pages in English, and Chinese service dialogues.

    python corpus.py OUT_DIR

`pages.jsonl` holds the docstrings of Python's standard library as a crawl would find them: with menus and footers, on
mirrors that differ in a date, beside keyword spam, filler text and pages in other languages. `dialogues.jsonl` holds
conversations of a shop with its customers, put together from phrases of our own: with hesitation, hand-offs to a human,
telephone numbers and greetings that go nowhere; `users.csv` says who the customers are. Equal Pythons give equal files.
"""

from __future__ import annotations

import argparse
import ast
import csv
import hashlib
import inspect
import json
import random
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGES = 1500
DIALOGUES = 1200
SHORTEST = 400
"""Characters of a docstring at least: shorter ones are no page."""

MENU = ("Home", "Library", "Tutorials", "Search this site", "Sign in | Register")
FOOTER = (
    "Please enable JavaScript to use all features of this site.",
    "By using this site you agree to our Terms of Use and Privacy Policy.",
    "Share this page with your friends",
)
SPAM = ("cheap", "watches", "best", "price", "buy", "now", "discount", "shop", "online", "free", "shipping")
LOREM = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore."
ELSEWHERE = (
    "Diese Seite erklärt, wie man ein Modul lädt, seine Funktionen aufruft und Fehler behandelt, die dabei auftreten.",
    "Cette page explique comment charger un module, appeler ses fonctions et traiter les erreurs qui se produisent.",
    "Esta página explica cómo cargar un módulo, llamar a sus funciones y tratar los errores que se producen.",
)

FILLERS = ("嗯，", "啊，", "那个，", "呃，", "")
GREETINGS = ("你好", "您好，在吗？", "在吗", "你好，我想问一下")
GOODS = ("蓝牙耳机", "电热水壶", "运动鞋", "保温杯", "台灯", "书包", "雨伞", "键盘")
TOPICS = {
    "物流": (
        ("我买的{good}什么时候能到？", "订单已经发货，预计{days}天内送达，您可以在订单页面查看物流信息。"),
        ("{good}的快递三天没有更新了。", "我帮您查了一下，包裹正在中转，预计{days}天后恢复更新，请您再等一等。"),
    ),
    "退款": (
        ("{good}有点问题，想退货，怎么操作？", "请在订单页面点击“申请退货”，上传照片后我们会在{days}天内审核。"),
        ("退款多久能到账？", "审核通过以后，退款会在{days}个工作日内原路返回您的账户。"),
    ),
    "发票": (("可以给{good}开发票吗？", "可以的，请在订单详情里填写抬头和税号，电子发票会在{days}天内发到您的邮箱。"),),
    "地址": (
        ("{good}的收货地址写错了，能改吗？", "还没有发货的话可以修改，请把新的地址和电话发给我。"),
        ("新电话是{phone}。", "好的，地址已经更新，{good}会按照新的地址发货。"),
    ),
    "使用": (("{good}怎么清洗？", "请先断开电源，用湿布轻轻擦拭，晾干{days}小时以后再使用。"),),
}
HANDOFF = (("转人工", "正在为您转接人工客服，请稍候。"), ("我要找人工客服", "好的，马上为您转接人工，请不要离开。"))
REGIONS = ("北京", "上海", "广东", "四川", "浙江")


def main() -> None:
    """Write the files and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in (("pages", list(pages())), ("dialogues", list(dialogues()))):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (out / f"{name}.jsonl").write_text(text, encoding="utf-8", newline="\n")
        print(f"{name}.jsonl: {len(rows):,} records, {len(text.encode()) / 1e6:.1f} MB")
    with (out / "users.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "age", "region"])
        writer.writerows([f"u{n}", 18 + chance("age", n).randrange(50), REGIONS[n % 5]] for n in range(200))


def chance(*what: object) -> random.Random:
    """Chance that depends on what it is for, and on nothing else."""
    return random.Random(hashlib.sha256(repr(what).encode()).digest())  # noqa: S311 - a corpus keeps no secret


def pages() -> Iterator[dict[str, Any]]:
    """The crawl: pages, mirrors of some, and what nobody wants to read."""
    for number, (module, text) in enumerate(documents()):
        draw = chance("page", module)
        yield page(module, text, f"https://docs.example.org/{module}", draw)
        if draw.random() < 0.2:
            yield page(module, text, f"https://mirror{draw.randint(1, 3)}.example.net/{module}?utm_source=x", draw)
        if draw.random() < 0.05:
            yield page(module, " ".join(draw.choices(SPAM, k=250)), f"https://shop.example.com/{number}", draw)
        if draw.random() < 0.03:
            yield page(module, LOREM * draw.randint(3, 6), f"https://draft.example.com/{number}", draw)
        if draw.random() < 0.06:
            elsewhere = " ".join([draw.choice(ELSEWHERE)] * draw.randint(2, 5))
            yield page(module, elsewhere, f"https://other.example.eu/{number}", draw)


def page(title: str, body: str, url: str, draw: random.Random) -> dict[str, Any]:
    """A text between a menu and a footer, some with an author's address."""
    contact = (
        [f"Written by {draw.choice(('Ada', 'Max', 'Lin'))}, {title[:8]}@example.org"] if draw.random() < 0.3 else []
    )
    date = f"Last changed on {draw.randint(1, 28)}.{draw.randint(1, 12)}.2024"
    lines = [*draw.sample(MENU, 3), title, body, *contact, date, *draw.sample(FOOTER, 2)]
    return {"url": url, "text": "\n".join(lines)}


def documents() -> Iterator[tuple[str, str]]:
    """Docstrings of the standard library in a fixed disorder, read out of the syntax tree."""
    root = Path(sysconfig.get_paths()["stdlib"])
    aside = {"test", "tests", "site-packages", "__pycache__", "idlelib", "lib2to3"}
    found: dict[str, str] = {}
    for path in sorted(root.rglob("*.py")):
        if not set(path.relative_to(root).parts) & aside:
            found |= docstrings(path, ".".join(path.relative_to(root).with_suffix("").parts))
    order = sorted(found, key=lambda name: hashlib.sha256(name.encode()).digest())
    yield from ((name, found[name]) for name in order[:PAGES])


def docstrings(path: Path, module: str) -> dict[str, str]:
    """The long docstrings of a module by name."""
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return {}
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    said = {f"{module}.{getattr(node, 'name', '')}".rstrip("."): ast.get_docstring(node) or "" for node in nodes}
    return {name: inspect.cleandoc(text) for name, text in said.items() if len(text) >= SHORTEST}


def dialogues() -> Iterator[dict[str, Any]]:
    """The shop's conversations."""
    for number in range(DIALOGUES):
        draw = chance("dialogue", number)
        topic = draw.choice(list(TOPICS))
        said = [("assistant", "欢迎光临，请问有什么可以帮您？")] if draw.random() < 0.3 else []
        said += [("user", draw.choice(GREETINGS)), ("assistant", "您好，请问有什么可以帮您？")]
        if draw.random() >= 0.1:
            said += talk(topic, draw)
        if draw.random() < 0.2:
            said += turns(*draw.choice(HANDOFF))
        yield {
            "user": f"u{draw.randrange(240)}",
            "topic": topic,
            "messages": [{"role": role, "content": content} for role, content in said],
        }


def talk(topic: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    """Some exchanges on a topic."""
    words = {"good": draw.choice(GOODS), "days": draw.randint(2, 9), "phone": f"13{draw.randrange(10**9):09}"}
    pairs = list(TOPICS[topic])
    if draw.random() < 0.4:
        pairs += draw.choice(list(TOPICS.values()))
    for asked, answered in pairs:
        yield from turns(draw.choice(FILLERS) + asked.format(**words), answered.format(**words))


def turns(asked: str, answered: str) -> list[tuple[str, str]]:
    """A question and its answer."""
    return [("user", asked), ("assistant", answered)]


if __name__ == "__main__":
    main()
