"""Texts that the kit's samples are made of: ordinary ones, and odd ones by kind."""

from __future__ import annotations

from collections.abc import Mapping

ORDINARY = (
    "The mill stood above the weir, and in spring the water reached the third step of the stair.",
    "Bread rises faster in a warm kitchen. Cover the dough with a damp cloth, wait until it has doubled, "
    "then fold it twice and let it rest for a quarter of an hour before shaping.",
    "Bread rises faster in a warm kitchen. Cover the dough with a damp cloth, wait until it has doubled, "
    "then fold it twice and let it rest for half an hour before shaping.",
    "A lighthouse keeper trims the wick, winds the clockwork and writes the weather into the log.",
    "A Lighthouse Keeper trims the wick, winds the clockwork,  and writes the weather into the log.",
    "Copper melts at 1085 degrees, tin at 232; bronze, which is mostly copper, melts somewhere between.",
    "Yes.",
    "def area(width: float, height: float) -> float:\n    return width * height\n",
    '{"order": 4711, "items": [{"name": "rope", "metres": 30}, {"name": "hook", "pieces": 4}], "paid": true}',
    "- flour\n- water\n- salt\n- yeast\n- a little patience",
    "Der Müller wohnt über der Mühle, und im Frühling reicht das Wasser bis an die dritte Stufe der Treppe.",
    "Le pain lève plus vite dans une cuisine chaude; couvrez la pâte d'un linge humide et attendez.",
    "El farero recorta la mecha, da cuerda al reloj y anota el tiempo en el cuaderno de bitácora.",
    "Мельница стояла над плотиной, и весной вода доходила до третьей ступени лестницы.",
    "Ο φάρος ανάβει κάθε βράδυ και ο φύλακας γράφει τον καιρό στο ημερολόγιο.",
    "Call the harbour office on 555 0134 or write to harbour@example.org before the tide turns.",
    "See https://example.org/tides?port=12&day=3#table for the table, ftp://example.org/pub for the archive.",
    "!!! SALE !!! *** 50 % OFF *** ### BUY NOW ### >>> click <<< $$$ !!! $$$ !!!",
    "again and again and again and again and again and again and again and again and again and again",
    "The first line is here.\nThe first line is here.\nThe first line is here.\nAnd then another one.\n",
    "Title\n\nA paragraph of two sentences. It ends here.\n\nA second paragraph, longer than the first, "
    "because the kit needs documents with several paragraphs.\n\nA third...",
    "\tTabs\tand  double  spaces \t and a trailing space ",
    "Lines that end\r\nin the manner\r\nof another system\r\nwith two characters each.\r\n",
    "| port | high water | metres |\n| --- | --- | --- |\n| north | 04:12 | 3.1 |\n| south | 05:40 | 2.7 |",
    "Permission is granted to copy this text, free of charge, as long as this notice stays with every copy; "
    "the text is given as it is, without warranty of any kind.",
    "Permission is granted to copy this text, free of charge, as long as this notice stays with each copy; "
    "the text is given as it is, without warranty of any kind.",
    "<p>Tides follow the <b>moon</b>, &amp; winds do not.</p><br/><a href='#top'>top</a>",
    "3.14159 2.71828 1.41421 1.61803 0.57721 1.20205 0.91596 2.68545 1.32471 0.66016",
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore.",
    "Why does the tide come twice a day? Because the earth turns under two bulges of water, one towards the "
    "moon and one away from it. So most coasts see two high waters in a little more than a day.",
    "To find the area of a triangle, multiply the base by the height and halve the product. "
    "A base of 6 and a height of 4 give 24, and half of that is 12. The answer is 12.",
    "naïve café — “quotes”, ‘single’ ones, an ellipsis… and a dash – all in one line №7 §4",
    "cafÃ© au lait costs 3 â‚¬ where encodings were mixed up",
    "um, so, you know, the the boat was, uh, late, and, um, we waited",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "short text",
    "a b c d e f g h i j k l m n o p q r s t u v w x y z",
    "Thank you for your patience, I will hand you over to a colleague.",
    "The keeper's log, in part: wind north-west, force six; sea rough; one ship in sight; lamp lit at dusk, "
    "put out at dawn; oil used, two measures; nothing else to report. " * 6,
    "A lighthouse keeper trims the wick, winds the clockwork and writes the weather into the log.",
)
"""Prose in several languages, code, markup, lists, numbers, near-duplicates and one exact duplicate."""

ODD: Mapping[str, tuple[str | None, ...]] = {
    "null-text": (None,),
    "empty-text": ("",),
    "whitespace": (" ", "\n\n\t  \n", "\u00a0\u3000\u2028"),
    "emoji": (
        "\U0001f44d\U0001f3fd",
        "The family \U0001f468\u200d\U0001f469\u200d\U0001f467 was \U0001f4af.",
    ),
    "combining-marks": (
        "re\u0301sume\u0301 nai\u0308ve",
        "Z\u0351\u036b\u0343a\u0329\u0347l\u0353g\u0321o\u0322",
    ),
    "right-to-left": (
        "ارتفع الماء في الربيع حتى الدرجة الثالثة.",
        "המגדלור מאיר כל לילה, and then \u202eback\u202c.",
    ),
    "long-line": ("water " * 17_000, "x" * 100_000),
    "nul-character": ("before\0after", "\0"),
    "lone-carriage-return": ("one line\ranother line\rthe last line", "ends with one\r"),
    "unspaced-scripts": (
        "春天水会涨到第三级台阶。",
        "灯台守は天気を日誌に書きます。",
        "등대지기는 날씨를 적는다.",
        "ประภาคารส่องแสงทุกคืน",
    ),
}
"""What real text holds and plugins forget. 100 kB is the length of a long article on one line."""

QUESTIONS = (
    "Tell me more about this.",
    "Summarise the text below.",
    "What should I do first?",
    "Rewrite this for a child of ten.",
    "Is that right?",
)
