"""What personal data and secrets look like, and the rules that tell them from other text of the same look."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from finery_plugins.text.private_ids import BOUND_AFTER, BOUND_BEFORE, IDENTITIES, luhn

Kind = Literal["secret", "email", "iban", "card", "id", "mac", "ip", "phone", "name"]
"""Kinds of personal data; where two overlap, the earlier one has it."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Family = Literal["number", "net", "mail", "token", "header"]
"""Where a pattern looks: near digits, near colons and dots, near `@`, at long tokens, at headers of keys."""


@dataclass(frozen=True)
class Recogniser:
    """A pattern over UTF-8, and what a match has to keep."""

    kind: Kind
    family: Family
    pattern: re.Pattern[bytes]
    valid: Callable[[bytes], bool] = bool
    digits: int = 0
    """Fewest digits in it: where there are fewer, the pattern is not tried."""
    group: str | int = 0
    """The part of a match that is the thing itself."""


def letters_and_digits(found: bytes) -> str:
    """Letters and digits alone, in capitals."""
    return "".join(filter(str.isalnum, found.decode("ascii", "ignore"))).upper()


def is_card(found: bytes) -> bool:
    """Whether a number has a card network's prefix and length (ISO/IEC 7812 issuers) and Luhn's check digit."""
    digits = letters_and_digits(found)
    return len(set(digits)) > 1 and ISSUERS.fullmatch(digits) is not None and luhn(digits)


ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}|1\d{14}"  # American Express, UATP
    r"|(?:6011|64[4-9]\d|65\d{2}|62\d{2}|81\d{2})\d{12,15}"  # Discover, UnionPay
    r"|3(?:0[0-5]|6\d|[89]\d)\d{11}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12}|2131\d{11}"  # JCB
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}"  # Maestro
)
"""Prefixes and lengths of the networks' cards."""

IBAN_LENGTHS = {
    15: "NO", 16: "BE", 18: "DK FI FO GL NL SD FK", 19: "MK SI", 20: "AT BA EE KZ LT LU XK MN",
    21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC",
    32: "LC", 33: "RU",
}  # fmt: skip
"""How long an account number is, by country: the SWIFT registry of IBAN formats."""


def is_iban(found: bytes) -> bool:
    """ISO 13616: the number with its first four characters behind, letters as 10 to 35, mod 97 is 1."""
    text = letters_and_digits(found)
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def is_address(found: bytes) -> bool:
    """Whether it is an IP address other than `::` and the loopback-like 0.0.0.0."""
    try:
        return not ipaddress.ip_address(found.decode("ascii").partition("%")[0]).is_unspecified
    except ValueError:
        return False


def is_phone(found: bytes) -> bool:
    """7 to 15 digits (ITU-T E.164), not all the same."""
    digits = letters_and_digits(found)
    return 7 <= len(digits) <= 15 and len(set(digits)) > 1


def is_varied(found: bytes) -> bool:
    """Whether a token has eight different characters, unlike a placeholder of crosses."""
    return len(set(found)) >= 8


def is_mixed(found: bytes) -> bool:
    """Whether a value looks drawn at random: varied, with digits and letters."""
    return is_varied(found) and any(48 <= c < 58 for c in found) and any(c >= 65 for c in found)


def is_password(found: bytes) -> bool:
    """Whether a password is more than a word that stands for one: digits or both cases, and no `{`, `<` or `$`."""
    mixed = any(48 <= c < 58 for c in found) or found.lower() != found != found.upper()
    return mixed and not any(c in b"{}<>$[]" for c in found)


def between(pattern: bytes) -> re.Pattern[bytes]:
    """A pattern with no letter or digit beside it."""
    return re.compile(BOUND_BEFORE + rb"(?:" + pattern + rb")" + BOUND_AFTER)


EMAIL = re.compile(
    rb"(?<![A-Za-z0-9._%&~+-])[A-Za-z0-9_%&~+-](?:[A-Za-z0-9._%&~+-]{0,62}[A-Za-z0-9_+-])?@"
    rb"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}"
    rb"(?:xn--[A-Za-z0-9-]{2,59}|[A-Za-z]{2,24})(?![A-Za-z0-9@_-])"
)
"""RFC 5321's addresses without the rare marks that surround addresses more often than they belong to one."""

IPV4 = re.compile(rb"(?<![0-9A-Za-z_:])(?<![0-9]\.)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z_])(?!\.[0-9])")
IPV6 = re.compile(
    rb"(?<![0-9A-Za-z_:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9A-Fa-f]{0,4})(?![0-9A-Za-z_:])(?!\.[0-9])"
)
MAC = between(rb"[0-9A-Fa-f]{2}(?P<gap>[:-])(?:[0-9A-Fa-f]{2}(?P=gap)){4}[0-9A-Fa-f]{2}(?![:-])")

IBAN = re.compile(
    rb"(?<![0-9A-Za-z])(?=[A-Za-z]{2}[0-9]{2})(?i:"
    + b"|".join(
        rb"(?:%b)[0-9]{2}(?:[ -]?[0-9A-Z]){%d}" % (row.replace(" ", "|").encode(), length - 4)
        for length, row in IBAN_LENGTHS.items()
    )
    + rb")(?![0-9A-Za-z])"
)
"""A country and as many letters and digits as its numbers have."""

CARD = between(rb"[1-68](?:[ -]?[0-9]){11,18}")

LEAD = rb"(?<![0-9A-Za-z_+.,/=-])(?<![0-9] )"
TRAIL = rb"(?![0-9A-Za-z_=])(?![.,:/-][0-9])"
PHONES = (
    rb"(?:\+|\b00)[1-9][0-9]{0,2}[ .-]?(?:\([0-9]{1,5}\)[ .-]?)?[0-9]{1,5}(?:[ .-]?[0-9]{2,5}){1,5}"
    rb"(?: ?(?:x|ext\.?) ?[0-9]{1,5})?",  # E.123
    rb"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}(?P<us>[ .-]))[2-9][0-9]{2}(?(us)(?P=us)|[ .-])[0-9]{4}"
    rb"(?: ?(?:x|ext\.?) ?[0-9]{1,5})?",  # North American plan
    rb"1[3-9][0-9](?P<cn>[ -]?)[0-9]{4}(?P=cn)[0-9]{4}|(?:400|800)-[0-9]{3}-?[0-9]{4}",  # China, mobile and service
    rb"\(?0[1-9][0-9]{0,3}\)?[ -][2-9][0-9]{6,7}|0[579][0-9]{9}",  # a city's; mobile with a trunk prefix
    rb"0[1-9](?:[ .][0-9]{2}){4}",  # France
    rb"\(?0[0-9]{2,4}\)?[ /-][0-9]{3,4}(?:[ -][0-9]{2,4}){1,2}",  # a trunk prefix, as much of Europe and Asia
)
"""Written as their countries write them; a bare run of digits needs a word before it."""

SAID = re.compile(
    rb"(?i:\b(?:tele)?phone|\btel|\bmobile|\bcell|\bcall|\bfax|\bwhatsapp|"
    + "电话|手机|联系方式|微信|传真".encode()
    + rb")(?:\s{0,2}(?:no\.?|number|is|at|me|us|on|:|=|"
    + "：|号|码|是".encode()
    + rb")){0,3}\s{0,2}(?P<phone>[0-9](?:[ .-]?[0-9]){6,12})(?![0-9A-Za-z_])"
)
"""A bare number after a word that says what it is."""

SECRETS = (
    rb"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}",  # AWS access keys
    rb"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255}",
    rb"glpat-[A-Za-z0-9_-]{20,64}",  # GitLab
    rb"AIza[A-Za-z0-9_-]{35}",  # Google
    rb"xox[abeoprs]-[A-Za-z0-9-]{10,250}",  # Slack
    rb"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,247}",  # Stripe
    rb"sk-(?:proj-|ant-[a-z0-9]{1,8}-|svcacct-)?[A-Za-z0-9_-]{20,200}",  # OpenAI, Anthropic
    rb"hf_[A-Za-z0-9]{34,64}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,255}|dop_v1_[a-f0-9]{64}",
    rb"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",  # SendGrid
    rb"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,2000}",  # JSON Web Token, RFC 7519
)
"""Tokens by the prefixes that their issuers publish."""

PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----[^-]{1,12000}"
    rb"(?:-----END (?:[A-Z]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----)?"
)
"""RFC 7468's header of a private key, with all that follows up to its end."""

ASSIGNED = re.compile(
    rb"(?i:secret|token|passw(?:or)?d|pwd|api_?-?key|access_?-?key|auth)[A-Za-z_]{0,16}[\"']?\s{0,3}(?:=|:|=>)\s{0,3}[\"']"
    rb"(?P<secret>[A-Za-z0-9+/=_.~-]{16,128})[\"']"
)
"""A quoted value of 16 characters or more, assigned to a name that says it is secret."""

SIGNED_IN = re.compile(rb"[a-z][a-z0-9+]{1,12}://[^\s/:@]{1,64}:(?P<secret>[^\s/:@]{3,128})@")
"""The password in an address such as `https://user:password@host`."""


@functools.cache
def recognisers(kinds: tuple[Kind, ...], countries: tuple[str, ...]) -> tuple[Recogniser, ...]:
    """What finds these kinds, `id` for these countries only."""
    plain = [
        Recogniser("secret", "token", between(b"|".join(SECRETS)), is_varied),
        Recogniser("secret", "header", PRIVATE_KEY),
        Recogniser("secret", "token", ASSIGNED, is_mixed, group="secret"),
        Recogniser("secret", "mail", SIGNED_IN, is_password, group="secret"),
        Recogniser("email", "mail", EMAIL),
        Recogniser("iban", "number", IBAN, is_iban, 10),
        Recogniser("card", "number", CARD, is_card, 12),
        *(identity(number) for number in countries),
        Recogniser("mac", "net", MAC),
        Recogniser("ip", "net", IPV6, is_address),
        Recogniser("ip", "net", IPV4, is_address),
        *(
            Recogniser("phone", "number", re.compile(LEAD + rb"(?:" + one + rb")" + TRAIL), is_phone, 7)
            for one in PHONES
        ),
        Recogniser("phone", "number", SAID, is_phone, 7, "phone"),
    ]
    return tuple(one for one in plain if one.kind in kinds)


def identity(country: str) -> Recogniser:
    """What finds the national numbers of one country."""
    one = next(known for known in IDENTITIES if known.country == country)
    return Recogniser("id", "number", one.compiled(), lambda found: one.valid(letters_and_digits(found)), one.digits)
