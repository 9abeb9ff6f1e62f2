"""Masked renderings of personal data: what is stored in the clear, searched and shown by default (domain.md §7.1, §7.2).

`mask_text` hides phone numbers, identity numbers, bank cards, e-mail addresses, WeChat and QQ ids and names after the words
that announce them, and leaves the rest readable: case numbers, codes, dates, distances and public hotlines stay. Masking a
masked text changes nothing.

>>> mask_text("我叫张三丰，电话１３８ 0013 8000，井盖 GY20261121-000123 坏了")
'我叫张**，电话138****8000，井盖 GY20261121-000123 坏了'
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["holds_personal_data", "mask_email", "mask_id_number", "mask_name", "mask_phone", "mask_text"]

# Full-width digits, dashes, spaces and signs, one to one, so that positions stay.
_FOLD = str.maketrans("０１２３４５６７８９－—–‐‑　\u00a0＠．：（）＋Ｘｘ", "0123456789-----  @.:()+Xx")
_FOLDED = re.compile("[０-９－—–‐‑\u3000\u00a0＠．：（）＋Ｘｘ]")

# The commonest surnames, without those that begin everyday words more often than names.
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付傅方白邹"
    "孟熊秦邱江尹薛闫阎段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔汤冉欧洪柏舒申柳蒙詹翁杭骆卓邢康鲁葛章虞岳梅殷聂焦穆蓝牟涂佘犹宫柯阮纪舒屈项祝"
)
_COMPOUND = (
    "欧阳",
    "上官",
    "司马",
    "诸葛",
    "令狐",
    "皇甫",
    "尉迟",
    "公孙",
    "慕容",
    "司徒",
    "东方",
    "夏侯",
    "端木",
    "独孤",
    "南宫",
)
# Characters that end a name: what commonly follows one in a report.
_STOP = (
    "一位名个的了是有在和与及该这那某两几多住我家电手今现想要来说于男女系身反投举打去被也都还就"
    "因从到对向为同并把给便应已未将请现年常前后先"
)
_GIVEN = f"(?:(?![{_STOP}])[\u4e00-\u9fff])"
_NAME = f"(?:(?:{'|'.join(_COMPOUND)}){_GIVEN}{{1,2}}|[{_SURNAMES}]{_GIVEN}{{1,2}})(?![*])"
_CUES = "我叫|本人叫|名叫|名字叫|名字是|姓名|联系人|投诉人|举报人|反映人|来电人|申请人|当事人|户主|患者|死者|伤者"

_ANNOUNCED = re.compile(f"(?:{_CUES})(?:[:是为叫 ]{{0,3}})({_NAME})")
_NOT_NAMES = "保密|匿名|不详|未知|不愿|未留|本人|同上"
_WRITTEN = re.compile(
    f"(?:姓名|联系人|投诉人|举报人|申请人|户主) ?: ?(?!{_NOT_NAMES})([\u4e00-\u9fff·]{{2,5}})(?![\u4e00-\u9fff·*])"
)
_WHOLE_NAME = re.compile(_NAME)
_TITLES = ("先生", "女士")

_RUN = re.compile(r"[(]?[0-9][0-9 ()-]{5,}[0-9Xx]")  # where numbers can be: at least seven digits and separators
_ID = re.compile(
    r"(?<![0-9A-Za-z])[1-9]\d{5}[ -]?((?:19|20)\d{2})(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[ -]?\d{3}[0-9Xx](?![0-9A-Za-z])"
)
_OLD_ID = re.compile(r"(?<=身份证)[^0-9]{0,6}([1-9]\d{14})(?!\d)")
_CARD = re.compile(r"(?<![0-9A-Za-z.])(?:[3-69]\d{3}(?:[ -]\d{4}){3}(?:[ -]?\d{1,3})?|(?:62|4\d|9558|35|37)\d{12,17})(?!\d)")
_ACCOUNT = re.compile(r"(?:银行卡|卡号|账号|帐号|账户|帐户|存折)[^0-9]{0,6}(\d(?:[ -]?\d){9,18})(?!\d)")
_MOBILE = re.compile(
    r"(?<![0-9])(?<!\d\.)(?:(?<![A-Za-z])|(?<=[Tt][Ee][Ll])|(?<=[Oo][Nn][Ee])|(?<=[Mm][Oo][Bb]))(?:(?:\+|00)?86[- ]?)?"
    r"(1[3-9]\d(?:[- ]{0,2}\d{4}[- ]{0,2}\d{4}|[- ]\d{3}[- ]\d{5}|\d[- ]\d{4}[- ]\d{3}|\d[- ]\d{3}[- ]\d{4}))(?!\d)"
)
_LANDLINE = re.compile(r"(?<![0-9A-Za-z])(?<!\d[.-])\(?0(?:10|2\d|[3-9]\d\d)\)?[- ]?([2-8]\d{2,3}[- ]?\d{4})(?![0-9-])")
_LOCAL = re.compile(r"(?:电话|座机|固话|联系方式|号码)[^0-9\u4e00-\u9fff]{0,3}(?:[是为][: ]?)?([3-8]\d{2,3}[- ]?\d{4})(?!\d)")
_SPOKEN = re.compile(
    "(?<![零〇一幺二两三四五六七八九])[一幺][三四五六七八九][零〇一幺二两三四五六七八九]{9}(?![零〇一幺二两三四五六七八九])"
)
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+*-])[A-Za-z0-9]([A-Za-z0-9._%+-]{0,63})@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_HANDLE = re.compile(
    r"(?:微信|薇信|[Ww]ei[Xx]in|[Ww]e[Cc]hat|[Vv][Xx]|[Vv]信|[Ww][Xx]|加[Vv])(?:号码|账号|号|[Ii][Dd])?[:是为 ]{0,3}"
    r"([A-Za-z1-9][-_A-Za-z0-9]{5,19})(?![-_A-Za-z0-9])"
)
_QQ = re.compile(r"(?:[Qq][Qq]|扣扣)(?:号码|号)?[:是为 ]{0,3}([1-9]\d{4,11})(?!\d)")
_ACCOUNT_HINT = re.compile("[信WwVvQq扣]")  # one of these stands in whatever `_HANDLE` and `_QQ` find

# The weights of the check digit of an identity number (GB 11643-1999, ISO 7064 MOD 11-2).
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
# From this year of birth on, a number without correct check digit is rather a code with a date of today in it.
_CODES_FROM_YEAR = 2020


# What is masked has one of these: a character of each announcing word, a full-width character, a run of digits, or spoken ones.
# Most reports have none of them.
_HINT = re.compile(f"{_FOLDED.pattern[:-1]}@叫名系诉举映电申事户患死伤先女信vVwWqQ扣]")
_DIGITS = re.compile(r"[0-9][0-9 ()-]{5}")


def mask_text(text: str) -> str:
    """Return the text with personal data masked; the rest stays as written."""
    if _HINT.search(text) or _DIGITS.search(text) or _SPOKEN.search(text):
        return _masked(text)
    return text


def _masked(text: str) -> str:
    folded = text.translate(_FOLD) if _FOLDED.search(text) else text
    found = _names(folded)
    found += [span for run in _RUN.finditer(folded) for span in _numbers(folded, run.start(), run.end())]
    found += _handles(folded)
    if not found:
        return text
    found.sort(key=lambda span: (span[0], -span[1]))
    parts: list[str] = []
    at = 0
    for start, end, mask in found:
        if start >= at:  # the first and longest of those that overlap
            parts += (text[at:start], mask)
            at = end
    return "".join(parts) + text[at:]


def holds_personal_data(text: str) -> bool:
    """Tell whether something in the text would be masked: such a text may not be published."""
    return mask_text(text) != text


def mask_phone(phone: str) -> str:
    """Return a phone number with its middle hidden.

    >>> mask_phone("13800138000"), mask_phone("0851-85801234"), mask_phone("110")
    ('138****8000', '0851-****1234', '110')
    """
    masked = mask_text(phone)
    if masked != phone or sum(character.isdigit() for character in phone) < 7:
        return masked
    return phone[:2] + "****" + phone[-2:]


def mask_name(name: str) -> str:
    """Return the surname and two stars, whatever the length of the name.

    >>> mask_name("张三"), mask_name("欧阳娜娜"), mask_name("John Smith"), mask_name("")
    ('张**', '欧阳**', 'J**', '')
    """
    name = name.strip()
    if not name or name.endswith("**"):
        return name
    return (name[:2] if name[:2] in _COMPOUND and len(name) > 2 else name[0]) + "**"


def mask_id_number(number: str) -> str:
    """Return an identity number with the middle hidden.

    >>> mask_id_number("52010319900307123X")
    '520***********123X'
    """
    return number[:3] + "*" * max(len(number) - 7, 0) + number[-4:] if len(number) > 7 else "*" * len(number)


def mask_email(address: str) -> str:
    """Return an e-mail address with all but its first character and its domain hidden."""
    return mask_text(address) if _EMAIL.fullmatch(address) else "***"


_Span = tuple[int, int, str]


def _names(text: str) -> list[_Span]:
    found = [_name_span(match.start(1), match[1]) for match in _ANNOUNCED.finditer(text)]
    if ":" in text:
        found += [_name_span(match.start(1), match[1]) for match in _WRITTEN.finditer(text)]
    for title in _TITLES:
        at = text.find(title)
        while at >= 0:
            found += _name_before(text, at)
            at = text.find(title, at + 1)
    return found


def _name_span(start: int, name: str) -> _Span:
    return start, start + len(name), mask_name(name)


def _name_before(text: str, end: int) -> list[_Span]:
    """A surname alone before a title stays: it tells nobody apart."""
    for length in (4, 3, 2):
        start = end - length
        if start >= 0 and _WHOLE_NAME.fullmatch(text, start, end):
            return [_name_span(start, text[start:end])]
    return []


def _numbers(text: str, start: int, end: int) -> list[_Span]:
    """What is personal in one run of digits and separators."""
    found = list(_long_numbers(text, start, end)) if end - start >= 12 else []
    found += [(*match.span(), _masked_mobile(match[1])) for match in _MOBILE.finditer(text, max(start - 3, 0), end)]
    if not found and text.find("0", start, start + 2) >= 0:
        found += [(*match.span(1), "****" + match[1][-4:]) for match in _LANDLINE.finditer(text, start, end)]
    if not found:
        found += [(*match.span(1), "****" + match[1][-4:]) for match in _LOCAL.finditer(text, max(start - 12, 0), end)]
    return found


def _long_numbers(text: str, start: int, end: int) -> Iterator[_Span]:
    for match in _ID.finditer(text, start, end):
        if _is_identity(match[0], match[1]):
            yield (*match.span(), mask_id_number(_compact(match[0])))
    before = max(start - 12, 0)
    for match in _OLD_ID.finditer(text, before, end):
        yield (*match.span(1), mask_id_number(match[1]))
    for match in _ACCOUNT.finditer(text, before, end):
        yield (*match.span(1), _hide_middle(match[1]))
    for match in _CARD.finditer(text, start, end):
        if _is_luhn(_compact(match[0])):
            yield (*match.span(), _hide_middle(match[0]))


def _handles(text: str) -> list[_Span]:
    found: list[_Span] = []
    if "@" in text:
        found += [(*match.span(1), "***") for match in _EMAIL.finditer(text)]
    if _ACCOUNT_HINT.search(text):
        for pattern in (_HANDLE, _QQ):
            found += [(*match.span(1), match[1][0] + "***") for match in pattern.finditer(text)]
    if "一" in text or "幺" in text:
        found += [(*match.span(), "*" * 11) for match in _SPOKEN.finditer(text)]
    return found


def _masked_mobile(number: str) -> str:
    digits = _compact(number)
    return f"{digits[:3]}****{digits[-4:]}"


def _is_identity(written: str, year: str) -> bool:
    return int(year) < _CODES_FROM_YEAR or _has_check_digit(_compact(written))


def _has_check_digit(number: str) -> bool:
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False))
    return "10X98765432"[total % 11] == number[-1].upper()


def _is_luhn(digits: str) -> bool:
    """Check digit of bank cards (ISO/IEC 7812-1)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _hide_middle(number: str) -> str:
    digits = _compact(number)
    return digits[:4] + "*" * (len(digits) - 8) + digits[-4:]


def _compact(number: str) -> str:
    return number.replace(" ", "").replace("-", "")
