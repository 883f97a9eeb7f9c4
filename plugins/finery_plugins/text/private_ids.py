"""National identity numbers: how each country writes them, and the rule that tells one from any other number."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

DIGIT, BOUND_BEFORE, BOUND_AFTER = rb"[0-9]", rb"(?<![0-9A-Za-z_])(?<![0-9][.,-])", rb"(?![0-9A-Za-z_])(?![.,-][0-9])"


@dataclass(frozen=True)
class Identity:
    """One country's number."""

    country: str
    """ISO 3166 code."""
    pattern: bytes
    """How it is written, ASCII, without its boundaries."""
    valid: Callable[[str], bool]
    """Whether letters and digits alone, in capitals, keep the issuer's rule."""
    digits: int
    """Fewest digits in it."""

    def compiled(self) -> re.Pattern[bytes]:
        """The pattern between boundaries: no letter, digit or decimal point beside it."""
        return re.compile(BOUND_BEFORE + rb"(?:" + self.pattern + rb")" + BOUND_AFTER)


def weighted(text: str, weights: Sequence[int]) -> int:
    """The sum of digits times weights, as far as there are weights."""
    return sum(int(digit) * weight for digit, weight in zip(text, weights, strict=False))


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1, annex B."""
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def is_date(year: int, month: int, day: int) -> bool:
    """Whether there was, or will be soon, such a day."""
    try:
        return 1850 <= datetime.date(year, month, day).year <= 2099
    except ValueError:
        return False


def short_date(text: str, order: str = "ymd") -> bool:
    """Whether six digits are a day of either century."""
    parts = dict(zip(order, (int(text[at : at + 2]) for at in (0, 2, 4)), strict=True))
    return any(is_date(century + parts["y"], parts["m"], parts["d"]) for century in (1900, 2000))


def china(text: str) -> bool:
    """GB 11643-1999: region, date of birth, ISO 7064 MOD 11-2."""
    if not (11 <= int(text[:2]) <= 82 and is_date(int(text[6:10]), int(text[10:12]), int(text[12:14]))):
        return False
    total = weighted(text[:17], [2**power % 11 for power in range(17, 0, -1)])
    return text[17] == "10X98765432"[total % 11]


def america(text: str) -> bool:
    """Social Security Administration since 2011: no area 000 or 666, no group 00, no serial 0000; 9xx are taxpayers'.

    A taxpayer's number (ITIN) has the group 50 to 65, 70 to 88, 90 to 92 or 94 to 99 (IRS publication 1915). The
    numbers of a well-known advertisement (078-05-1120, 219-09-9999) belong to no one.
    """
    area, group, serial = int(text[:3]), int(text[3:5]), int(text[5:])
    if area >= 900:
        return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or group >= 94
    known = text in ("078051120", "219099999")
    return area not in (0, 666) and group > 0 and serial > 0 and not known


def britain(text: str) -> bool:
    """HMRC's manual NIM39110: prefixes that are not given out."""
    barred = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}
    return text[:2] not in barred and text[0] not in "DFIQUV" and text[1] not in "DFIOQUV"


def spain(text: str) -> bool:
    """NIF and NIE: the letter is the number mod 23 in a table of the Ministry of the Interior."""
    number = int(str("XYZ".index(text[0])) + text[1:-1] if text[0] in "XYZ" else text[:-1])
    return text[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23]


def italy(text: str) -> bool:
    """Codice fiscale (decree of 12 March 1974): odd places by a table, even ones by value, mod 26."""
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
    values = [int(c) if c.isdigit() else ord(c) - 65 for c in text[:15]]
    total = sum(value if place % 2 else odd[value] for place, value in enumerate(values))
    return text[15] == chr(65 + total % 26)


def france(text: str) -> bool:
    """NIR (INSEE): month, then the number mod 97, where Corsica's 2A and 2B stand for 19 and 18."""
    month = int(text[3:5])
    number = int(text[:13].replace("2A", "19").replace("2B", "18"))
    return (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) and int(text[13:]) == 97 - number % 97


def finland(text: str) -> bool:
    """Henkilötunnus: date, then date and serial mod 31 in a table (Digital and Population Data Services Agency)."""
    number = int(text[:6] + text[-4:-1])
    serial = int(text[-4:-1])
    return short_date(text[:6], "dmy") and serial >= 2 and text[-1] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31]


def sweden(text: str) -> bool:
    """Personnummer: date (a coordination number adds 60 to the day), then Luhn over the last ten digits."""
    short = text[-10:]
    day = int(short[4:6])
    return luhn(short) and short_date(short[:4] + f"{day - 60 * (day > 60):02}")


def korea(text: str) -> bool:
    """Resident registration: date and the digit of century and sex; since October 2020 there is no check digit."""
    century = {"9": 1800, "0": 1800, "1": 1900, "2": 1900, "5": 1900, "6": 1900}.get(text[6], 2000)
    return is_date(century + int(text[:2]), int(text[2:4]), int(text[4:6]))


def poland(text: str) -> bool:
    """PESEL: date with the century in the month, weights 1, 3, 7, 9 mod 10."""
    century, month = {0: 1900, 1: 2000, 2: 2100, 3: 2200, 4: 1800}[int(text[2:4]) // 20], int(text[2:4]) % 20
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    return is_date(century + int(text[:2]), month, int(text[4:6])) and weighted(text, weights) % 10 == 0


def turkey(text: str) -> bool:
    """T.C. kimlik no: two check digits over the first nine and ten."""
    digits = [int(digit) for digit in text]
    tenth = (7 * sum(digits[0:9:2]) - sum(digits[1:8:2])) % 10
    return digits[0] > 0 and digits[9] == tenth and digits[10] == sum(digits[:10]) % 10


def brazil(text: str) -> bool:
    """CPF: two check digits mod 11 (Receita Federal); eleven equal digits belong to no one."""
    first = weighted(text, range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(text, range(11, 1, -1)) * 10 % 11 % 10
    return len(set(text)) > 1 and text[9:] == f"{first}{second}"


def south_africa(text: str) -> bool:
    """Date, citizenship 0 to 2, Luhn (Department of Home Affairs)."""
    return short_date(text[:6]) and text[10] in "012" and luhn(text)


def taiwan(text: str) -> bool:
    """A letter as two digits, then weights 1, 9, 8 .. 1, 1 mod 10 (Ministry of the Interior)."""
    place = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(text[0]) + 10
    return weighted(f"{place}{text[1:]}", (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def singapore(text: str) -> bool:
    """NRIC and FIN: weights 2, 7, 6, 5, 4, 3, 2 mod 11, 4 more for T and G and 3 more for M, in a table a prefix."""
    total = weighted(text[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(text[0], 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "XWUTRQPNJLK"}.get(text[0], "XWUTRQPNMLK")
    # The M series, given out since 2022, counts its table backwards.
    return text[8] == letters[10 - total % 11 if text[0] == "M" else total % 11]


def india(text: str) -> bool:
    """Aadhaar: Verhoeff's check digit (Verhoeff 1969) over all twelve; a palindrome is not given out (UIDAI)."""
    check = 0
    for place, digit in enumerate(reversed(text)):
        turned = int(digit)
        for _ in range(place % 8):
            turned = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[turned]
        check = dihedral(check, turned)
    return check == 0 and text != text[::-1]


def dihedral(a: int, b: int) -> int:
    """The product in the group of the pentagon's symmetries."""
    if a < 5:
        return (a + b) % 5 + 5 * (b >= 5)
    return (a - b) % 5 + 5 * (b < 5)


def canada(text: str) -> bool:
    """Social insurance number: Luhn; it never begins with 0 or 8 (Employment and Social Development Canada)."""
    return text[0] not in "08" and len(set(text)) > 1 and luhn(text)


IDENTITIES = (
    Identity("CN", rb"[1-8][0-9]{5}(?:18|19|20)[0-9]{9}[0-9Xx]", china, 17),
    Identity("US", rb"[0-9]{3}(?P<gap>[ -])[0-9]{2}(?P=gap)[0-9]{4}", america, 9),
    Identity("GB", rb"[A-Za-z]{2} ?(?:[0-9]{2} ?){3}[A-Da-d]", britain, 6),
    Identity("ES", rb"[0-9]{8}-?[A-Za-z]|[XYZxyz]-?[0-9]{7}-?[A-Za-z]", spain, 7),
    Identity("IT", rb"[A-Za-z]{6}[0-9]{2}[A-EHLMPR-Ta-ehlmpr-t][0-7][0-9][A-Za-z][0-9]{3}[A-Za-z]", italy, 7),
    Identity("FR", rb"[12] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[ABab]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}", france, 14),
    Identity("FI", rb"[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]", finland, 9),
    Identity("SE", rb"(?:(?:18|19|20)[0-9]{6}-?|[0-9]{6}[-+])[0-9]{4}", sweden, 10),
    Identity("KR", rb"[0-9]{6}-[0-8][0-9]{6}", korea, 13),
    Identity("PL", rb"[0-9]{11}", poland, 11),
    Identity("TR", rb"[1-9][0-9]{10}", turkey, 11),
    Identity("BR", rb"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", brazil, 11),
    Identity("ZA", rb"[0-9]{13}", south_africa, 13),
    Identity("TW", rb"[A-Z][1289][0-9]{8}", taiwan, 9),
    Identity("SG", rb"[STFGM][0-9]{7}[A-Z]", singapore, 7),
    Identity("IN", rb"[2-9][0-9]{3}(?P<gap>[ -])[0-9]{4}(?P=gap)[0-9]{4}", india, 12),
    Identity("CA", rb"[1-79][0-9]{2}(?P<gap>[ -])[0-9]{3}(?P=gap)[0-9]{3}", canada, 9),
)
"""The countries whose numbers can be told from others: by a check digit, a date, or the way they are written."""
