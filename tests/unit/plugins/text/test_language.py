"""The language identifier answers what py3langid answers, in any language and on any text."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from finery import MissingExtra
from finery_plugins.text import language
from finery_plugins.text.characters import CLASS, LETTER, LOWER, UNSETTLED, UPPER, characters
from finery_plugins.text.language import UNDETERMINED, automaton, identified, whole_numbers
from finery_plugins.text.traits import POINTS

TOLERANCE = 1e-3
"""The library sums in single precision: 600 terms of about 10 are off by 4e-4 at worst, scaled down by the
root of the bytes."""

SENTENCES = (
    "The mill stood above the weir, and in spring the water reached the third step.",
    "Der Müller wohnt über der Mühle, und im Frühling reicht das Wasser bis an die Treppe.",
    "Le moulin se trouve au-dessus du barrage, et l'eau monte jusqu'à la troisième marche.",
    "El molino está sobre la presa y en primavera el agua llega al tercer escalón.",
    "Il mulino sta sopra la diga e in primavera l'acqua arriva al terzo gradino.",
    "O moinho fica acima da represa e na primavera a água chega ao terceiro degrau.",
    "De molen staat boven de dam en in het voorjaar komt het water tot de derde trede.",
    "Kvarnen står ovanför dammen och på våren når vattnet det tredje trappsteget.",
    "Młyn stoi nad jazem, a wiosną woda sięga trzeciego stopnia.",
    "Mlýn stojí nad jezem a na jaře voda dosahuje ke třetímu schodu.",
    "Değirmen bendin üstünde durur ve ilkbaharda su üçüncü basamağa kadar gelir.",
    "Mylly seisoo padon yläpuolella, ja keväällä vesi nousee kolmannelle portaalle.",
    "A malom a gát fölött áll, és tavasszal a víz a harmadik lépcsőig ér.",
    "Cối xay nằm phía trên đập, và mùa xuân nước dâng đến bậc thứ ba.",
    "Kincir itu berdiri di atas bendungan, dan air naik sampai anak tangga ketiga.",
    "Мельница стояла над плотиной, и весной вода доходила до третьей ступени.",
    "Млин стоїть над греблею, і навесні вода сягає третьої сходинки.",
    "Воденица стоји изнад бране, а у пролеће вода долази до трећег степеника.",
    "Vodenica stoji iznad brane, a u proleće voda dolazi do trećeg stepenika.",
    "Ο μύλος στέκεται πάνω από το φράγμα και την άνοιξη το νερό φτάνει στο τρίτο σκαλί.",
    "الطاحونة فوق السد، وفي الربيع يصل الماء إلى الدرجة الثالثة.",
    "הטחנה עומדת מעל הסכר, ובאביב המים מגיעים עד המדרגה השלישית.",
    "آسیاب بالای سد است و در بهار آب به پلهٔ سوم می‌رسد.",
    "चक्की बाँध के ऊपर खड़ी है और वसंत में पानी तीसरी सीढ़ी तक पहुँचता है।",
    "কলটি বাঁধের উপরে দাঁড়িয়ে আছে এবং বসন্তে জল তৃতীয় ধাপে পৌঁছায়।",
    "ஆலை அணைக்கு மேலே நிற்கிறது, வசந்த காலத்தில் நீர் மூன்றாம் படியை அடைகிறது.",
    "โรงสีตั้งอยู่เหนือเขื่อน และในฤดูใบไม้ผลิน้ำขึ้นถึงขั้นที่สาม",
    "방앗간은 둑 위에 서 있고 봄이면 물이 셋째 계단까지 올라온다.",
    "春天的时候，水会涨到楼梯的第三级台阶。",
    "灯台守は毎日、天気を日誌に書きます。",
    "წისქვილი კაშხლის ზემოთ დგას და გაზაფხულზე წყალი მესამე საფეხურს აღწევს.",
    "Ջրաղացը կանգնած է ամբարտակից վեր, իսկ գարնանը ջուրը հասնում է երրորդ աստիճանին։",
)
ODD = (
    "aZßİıΣςéÉǅﬁ中の한ก\u0301\u0323\u0345\u0300\u1161\u11a8\uac00\u1100नक़"
    "\u093c\u09be\u09c7ש\u05b8\u05bc\u212b\u2126\U0001d15e"
)
"""Cases that differ between languages, and characters that normal form C changes, joins or puts in order."""
PIECES = st.one_of(st.text(max_size=40), st.text(ODD + " .,\n0", max_size=40), st.sampled_from(SENTENCES))
TEXTS = st.lists(
    st.builds(lambda parts, change: change("".join(parts)), st.lists(PIECES, max_size=4), st.sampled_from(
        [str, str.upper, str.title, lambda text: unicodedata.normalize("NFD", text)]
    )),
    max_size=20,
)  # fmt: skip


@pytest.fixture(scope="module")
def library() -> Any:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def large(texts: Sequence[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def assert_agrees(library: Any, texts: Sequence[str], limit: int) -> None:
    """Same languages and the same confidence; another language only where the library's two best are as good
    as equal."""
    found, confidence = (column.to_pylist() for column in identified(large(texts), limit))
    for text, code, sure in zip(texts, found, confidence, strict=True):
        cut = text[:limit]
        if not any(map(str.isalpha, cut)):
            assert (code, sure) == (UNDETERMINED, 0.0)
            continue
        expected, probability = library.classify(cut)
        assert sure == pytest.approx(probability, abs=TOLERANCE)
        assert code == expected or dict(library.rank(cut))[code] == pytest.approx(probability, abs=1e-6)


def test_thirty_languages_are_told_as_the_library_tells_them(library: Any) -> None:
    found, confidence = identified(large(SENTENCES), 1000)
    expected = [library.classify(text) for text in SENTENCES]
    assert found.to_pylist() == [code for code, _ in expected]
    assert confidence.to_pylist() == pytest.approx([sure for _, sure in expected], abs=1e-5)
    assert len(set(found.to_pylist())) >= 28


@given(texts=TEXTS, limit=st.integers(1, 120))
def test_any_text_is_told_as_the_library_tells_it(library: Any, texts: list[str], limit: int) -> None:
    assert_agrees(library, texts, limit)


@settings(max_examples=50)
@given(texts=TEXTS, skipped=st.integers(0, 5), taken=st.integers(0, 5))
def test_neighbours_do_not_change_an_answer(texts: list[str], skipped: int, taken: int) -> None:
    whole = identified(large(texts), 50)
    part = identified(large(texts).slice(skipped, taken), 50)
    assert [column.to_pylist() for column in part] == [column.slice(skipped, taken).to_pylist() for column in whole]


def test_long_texts_and_frequent_features_are_told_alike(library: Any) -> None:
    texts = ["the " * 20_000, " ".join(SENTENCES) * 3, "я" * 30_000, "中文" * 10_000 + "english", SENTENCES[0]]
    assert_agrees(library, texts, 100_000)


def test_upper_case_is_read_as_lower_case(library: Any) -> None:
    assert_agrees(library, [text.upper() for text in SENTENCES] + ["中文 NBA 新闻", "İSTANBUL", "Ǆ ǅ", "ΟΔΟΣ"], 1000)


def test_decomposed_text_is_composed_first(library: Any) -> None:
    assert_agrees(library, [unicodedata.normalize("NFD", text) for text in SENTENCES], 1000)
    composed, decomposed = SENTENCES[1], unicodedata.normalize("NFD", SENTENCES[1])
    assert identified(large([composed]), 1000) == identified(large([decomposed]), 1000)


def test_the_limit_counts_characters_and_not_bytes() -> None:
    cut, whole = "Вода до ступени. ", "Вода до ступени. " + "Die Mühle steht am Wasser. " * 20
    assert identified(large([whole]), len(cut)) == identified(large([cut]), 1000)


def test_text_without_letters_is_undetermined() -> None:
    found, confidence = identified(large(["", " \n", "1 + 1 = 2", "。、！", "\u0301", "١٢٣"]), 1000)
    assert found.to_pylist() == [UNDETERMINED] * 6
    assert confidence.to_pylist() == [0.0] * 6


def test_no_texts_have_no_languages() -> None:
    assert identified(large([]), 10) == (pa.array([], pa.string()), pa.array([], pa.float64()))


@given(st.lists(st.binary(max_size=30), max_size=5))
def test_bytes_that_are_no_text_are_walked_within_bounds(blobs: list[bytes]) -> None:
    found, _ = identified(pa.array(blobs, pa.large_binary()).view(pa.large_string()), 20)
    assert len(found) == len(blobs)


def test_characters_are_known_as_python_knows_them() -> None:
    table = characters()
    points = [point for point in range(POINTS) if not 0xD800 <= point < 0xE000]
    known = [chr(point) for point in points]
    found = table[points]
    assert np.array_equal(found & CLASS, [unicodedata.combining(c) for c in known])
    assert np.array_equal(found & LETTER != 0, [c.isalpha() for c in known])
    assert np.array_equal(found & UPPER != 0, [c.isupper() for c in known])
    assert np.array_equal(found & LOWER != 0, [c.islower() or unicodedata.category(c) == "Lt" for c in known])


@given(st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), max_size=8))
def test_settled_characters_in_order_are_in_form_c(text: str) -> None:
    bits = characters()[[ord(c) for c in text]]
    classes = bits & CLASS
    if not np.any(bits & UNSETTLED) and all((classes[1:] == 0) | (classes[:-1] <= classes[1:])):
        assert unicodedata.is_normalized("NFC", text)


def test_log_probabilities_lose_no_digit(library: Any) -> None:
    model = automaton()
    assert np.array_equal(model.table * model.scale, library.nb_ptc.astype(np.float64))
    assert model.table.dtype == np.int16


def test_numbers_that_need_more_than_two_bytes_get_four() -> None:
    table, scale = whole_numbers(np.array([[-15.0, 2.0**-20]], np.float16))
    assert table.dtype == np.int32
    assert (table * scale).tolist() == [[-15.0, 2.0**-20]]


def test_without_py3langid_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    with pytest.raises(MissingExtra, match=r"pip install 'finery\[text\]'"):
        language.automaton.__wrapped__()
