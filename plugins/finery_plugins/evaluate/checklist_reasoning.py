"""The checklist's items on logic, problem solving and long text, in our own words."""

from __future__ import annotations

from finery_plugins.evaluate.checklist_rows import (
    LOGIC,
    LONG_TEXT,
    PROBLEM_SOLVING,
    Row,
    counts,
    item,
    matches,
    picks,
    says,
)

DAYS = 48
KEEPERS = ("Ada", "Boris", "Chen", "Dora", "Emil")
KEEPERS_ZH = ("安达", "鲍里", "陈洁", "多拉", "艾米")


def sacks(day: int) -> int:
    """Sacks that the mill ground on a day of the ledger."""
    return 10 + day * 7 % 23


def ledger() -> str:
    """A mill's ledger of some hundred words, a line a day, with two lines that stand out."""
    lines = [
        f"Day {day}: {KEEPERS[day % 5]} kept the mill and ground {sacks(day)} sacks; "
        f"the water stood at {day * 5 % 9 + 1} feet."
        for day in range(1, DAYS + 1)
    ]
    lines[28] += " The miller's cat, Juniper, was found asleep in the flour bin."
    lines[40] += " A stranger in a green coat paid for one sack with a silver spoon."
    return "\n".join(lines)


def ledger_zh() -> str:
    """The same ledger in Chinese."""
    lines = [
        f"第{day}天：{KEEPERS_ZH[day % 5]}看磨坊，磨了{sacks(day)}袋，水深{day * 5 % 9 + 1}尺。"
        for day in range(1, DAYS + 1)
    ]
    lines[28] += "磨坊的猫“杜松”在面粉箱里睡着了。"
    lines[40] += "一个穿绿外套的陌生人用一把银勺换走了一袋面粉。"
    return "\n".join(lines)


LEDGER, LEDGER_ZH = ledger(), ledger_zh()
PYTHON = "Answer with Python code alone."
PYTHON_ZH = "只输出 Python 代码。"


NO = matches(r"\bno\b", ignore_case=True)


def program(tests: str) -> dict[str, str]:
    """The answer's program passes these tests."""
    return {"check": "code", "tests": tests}


REASONING: tuple[Row, ...] = (
    item(
        LOGIC,
        "en",
        "All smiths in the village own a hammer. Jo owns no hammer. Is Jo a smith of the village? Answer yes or no.",
        NO,
    ),
    item(
        LOGIC,
        "en",
        "Ann is taller than Bea, and Cleo is shorter than Bea. Who is the shortest? Answer with the name.",
        says("Cleo"),
    ),
    item(
        LOGIC,
        "en",
        "If it rains, the yard is wet. The yard is wet. Does it follow that it rains? A) yes  B) no. Answer with "
        "the letter.",
        picks("B"),
    ),
    item(LOGIC, "en", "Which number comes next: 3, 6, 12, 24? Answer with the number.", counts(48)),
    item(LOGIC, "en", "The day after tomorrow is Thursday. Which day was yesterday?", says("Monday")),
    item(LOGIC, "en", "No bird in the cage is red. Pip is red. Can Pip be a bird in the cage? Answer yes or no.", NO),
    item(LOGIC, "zh", "村里的铁匠都有锤子。小乔没有锤子。小乔是村里的铁匠吗？只回答“是”或“不是”。", says("不是")),
    item(LOGIC, "zh", "小安比小贝高，小克比小贝矮。谁最矮？只回答名字。", says("小克")),
    item(LOGIC, "zh", "如果下雨，院子就会湿。院子湿了。能推出下雨了吗？A）能  B）不能。只回答字母。", picks("B")),
    item(LOGIC, "zh", "数列 3、6、12、24 的下一个数是多少？只回答数字。", counts(48)),
    item(LOGIC, "zh", "后天是星期四，昨天是星期几？", says("星期一", "周一")),
    item(
        LOGIC,
        "zh",
        "甲、乙、丙三人中只有一人说真话。甲说“乙在说谎”，乙说“丙在说谎”，丙说“甲和乙都在说谎”。谁说真话？"
        "只回答一个字。",
        says("乙"),
    ),
    item(
        PROBLEM_SOLVING,
        "en",
        "A pencil costs 35 cents, a rubber 20 cents. What do four pencils and three rubbers cost, in cents? End "
        "with the number.",
        counts(200),
    ),
    item(
        PROBLEM_SOLVING,
        "en",
        "A train leaves at 9:40 and takes 2 hours and 35 minutes. When does it arrive?",
        says("12:15", "12.15", "quarter past twelve"),
    ),
    item(
        PROBLEM_SOLVING,
        "en",
        "A tank holds 240 litres and is five eighths full. How many litres are missing until it is full? End with "
        "the number.",
        counts(90),
    ),
    item(
        PROBLEM_SOLVING,
        "en",
        "A price of 80 falls by a quarter and then rises by a tenth. What is it now? End with the number.",
        counts(66),
    ),
    item(
        PROBLEM_SOLVING,
        "en",
        f"Write a function add_up(numbers) that returns the sum of the even numbers in a list. {PYTHON}",
        program("assert add_up([1, 2, 3, 4]) == 6\nassert add_up([]) == 0\nassert add_up([-2, 7]) == -2"),
    ),
    item(
        PROBLEM_SOLVING,
        "en",
        f"Write a function initials(name) that returns the first letter of each word in upper case, joined. {PYTHON}",
        program("assert initials('ada lovelace') == 'AL'\nassert initials('x') == 'X'"),
    ),
    item(
        PROBLEM_SOLVING, "zh", "一支铅笔三角五分，一块橡皮两角。四支铅笔和三块橡皮一共多少元？最后写出数字。", counts(2)
    ),
    item(
        PROBLEM_SOLVING,
        "zh",
        "火车九点四十分出发，行驶两小时三十五分钟，几点到达？用“时:分”的形式回答。",
        says("12:15", "12：15"),
    ),
    item(PROBLEM_SOLVING, "zh", "水箱容量240升，现在装了八分之五，还差多少升才满？最后写出数字。", counts(90)),
    item(PROBLEM_SOLVING, "zh", "鸡和兔共8只，脚共22只，兔有几只？最后写出数字。", counts(3)),
    item(
        PROBLEM_SOLVING,
        "zh",
        f"写一个函数 longest(words)，返回列表中最长的词，一样长时取最先出现的。{PYTHON_ZH}",
        program("assert longest(['a', 'bbb', 'ccc']) == 'bbb'\nassert longest(['x']) == 'x'"),
    ),
    item(
        PROBLEM_SOLVING,
        "zh",
        f"写一个函数 is_leap(year)，判断是否闰年，返回布尔值。{PYTHON_ZH}",
        program("assert is_leap(2000) and is_leap(2024)\nassert not is_leap(1900) and not is_leap(2023)"),
    ),
    item(LONG_TEXT, "en", f"{LEDGER}\n\nHow many sacks were ground on day 37? End with the number.", counts(sacks(37))),
    item(LONG_TEXT, "en", f"{LEDGER}\n\nWhat was the name of the miller's cat?", says("Juniper")),
    item(LONG_TEXT, "en", f"{LEDGER}\n\nWith what did the stranger pay?", says("silver spoon", "spoon")),
    item(LONG_TEXT, "en", f"{LEDGER}\n\nOn which day did the stranger come? End with the number.", counts(41)),
    item(LONG_TEXT, "en", f"{LEDGER}\n\nWho kept the mill on day 12? Answer with the name.", says(KEEPERS[12 % 5])),
    item(LONG_TEXT, "en", f"{LEDGER}\n\nHow many days does the ledger cover? End with the number.", counts(DAYS)),
    item(LONG_TEXT, "zh", f"{LEDGER_ZH}\n\n第37天磨了多少袋？最后写出数字。", counts(sacks(37))),
    item(LONG_TEXT, "zh", f"{LEDGER_ZH}\n\n磨坊的猫叫什么名字？", says("杜松")),
    item(LONG_TEXT, "zh", f"{LEDGER_ZH}\n\n陌生人用什么付账？", says("银勺", "勺")),
    item(LONG_TEXT, "zh", f"{LEDGER_ZH}\n\n陌生人是第几天来的？最后写出数字。", counts(41)),
    item(LONG_TEXT, "zh", f"{LEDGER_ZH}\n\n第12天是谁看磨坊？只回答名字。", says(KEEPERS_ZH[12 % 5])),
    item(LONG_TEXT, "zh", f"{LEDGER_ZH}\n\n这份账本一共记了多少天？最后写出数字。", counts(DAYS)),
)
"""Each with a tag for its dimension and one for its language."""
