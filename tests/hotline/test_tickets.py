"""What a ticket must have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.reports import Caller, NewReport
from hotline.callers import normal_phone
from hotline.tickets import to_report
from storage.errors import Invalid

EVENT = NewReport(description="路灯不亮好几天了", area_code="520102")


def test_ticket_when_complete_becomes_a_report_with_one_form_of_the_number() -> None:
    caller = Caller(name=" 张三 ", phone="+86 138-1234-1234")
    report = to_report(EVENT, appeal_type="complaint", channel="phone", caller=caller, file=True)
    assert (report.appeal_type, report.channel, report.file, report.area_code) == ("complaint", "phone", True, "520102")
    assert report.caller == Caller(name="张三", phone="13812341234")


def test_ticket_when_caller_is_anonymous_or_missing_is_accepted() -> None:
    assert to_report(EVENT, caller=Caller(anonymous=True)).caller == Caller(anonymous=True)
    assert to_report(EVENT).caller is None


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"caller": Caller(name="张三")}, "caller.phone", "required"),
        ({"caller": Caller(phone="13812341234", anonymous=True)}, "caller.anonymous", "contradiction"),
        ({"caller": Caller(phone="not a number")}, "caller.phone", "phone"),
        ({"caller": Caller(phone="13812341234", name="长" * 51)}, "caller.name", "too_long"),
        ({"appeal_type": "device"}, "appeal_type", "choice"),
        ({"channel": "pigeon"}, "channel", "choice"),
    ],
)
def test_ticket_when_wrong_names_the_field(values, field: str, code: str) -> None:
    with pytest.raises(Invalid) as wrong:
        to_report(EVENT, **values)
    assert [(error.field, error.code) for error in wrong.value.errors] == [(field, code)]


@given(st.text(max_size=30))
def test_normal_phone_when_applied_twice_stays(text: str) -> None:
    once = normal_phone(text)
    assert once is None or normal_phone(once) in (once, None) or once.startswith("0086")
