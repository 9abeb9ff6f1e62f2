"""Signing in, cookies, CSRF, the Host check."""

from __future__ import annotations

import pytest

from tests.service import PASSWORD, Running, event
from web.auth import Hosts, WrongHost


async def _sign_in(service: Running, username: str = "operator") -> tuple[dict[str, str], str]:
    answer = await service.call("POST", "/api/v1/sessions", body={"username": username, "password": PASSWORD})
    assert answer.status == 200, answer.body
    return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}, answer.json["csrf"]


async def test_sign_in_when_right_then_user_csrf_and_a_protected_cookie(service: Running) -> None:
    answer = await service.call("POST", "/api/v1/sessions", body={"username": "operator", "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("heyun_session=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie
    user = answer.json["user"]
    assert user["username"] == "operator" and user["role"] == "operator" and "ticket.create" in user["permissions"]
    assert user["areas"] == [{"code": "520100", "name": "小贵阳市", "level": "city", "name_en": ""}] and user["unit"] is None


async def test_current_session_when_asked_then_the_same_user_and_csrf(service: Running) -> None:
    cookie, csrf = await _sign_in(service)
    answer = await service.get("/api/v1/sessions/current", headers=cookie)
    assert answer.json["csrf"] == csrf and answer.json["user"]["username"] == "operator"


async def test_sign_in_when_wrong_then_401_and_no_session(service: Running) -> None:
    before = await service.counts()
    for body in ({"username": "operator", "password": "wrong"}, {"username": "nobody", "password": PASSWORD}):
        answer = await service.call("POST", "/api/v1/sessions", body=body)
        assert (answer.status, answer.code) == (401, "sign_in_failed") and "Set-Cookie" not in answer.headers
    assert await service.counts() == before


async def test_change_when_cookie_comes_without_csrf_then_403_and_nothing_left(service: Running) -> None:
    cookie, csrf = await _sign_in(service)
    before = await service.counts()
    for token in (None, "wrong", csrf[:-1]):
        headers = cookie | ({"X-CSRF-Token": token} if token else {})
        answer = await service.post("/api/v1/events", event(), headers=headers)
        assert (answer.status, answer.code) == (403, "csrf")
    assert await service.counts() == before
    answer = await service.post("/api/v1/events", event(), headers=cookie | {"X-CSRF-Token": csrf})
    assert answer.status == 201


async def test_sign_out_when_done_then_the_cookie_is_worth_nothing(service: Running) -> None:
    cookie, csrf = await _sign_in(service)
    answer = await service.call("DELETE", "/api/v1/sessions/current", headers=cookie | {"X-CSRF-Token": csrf})
    assert answer.status == 204
    assert (await service.get("/api/v1/sessions/current", headers=cookie)).status == 401


async def test_sign_in_when_another_sites_page_sends_it_then_refused(service: Running) -> None:
    body = {"username": "operator", "password": PASSWORD}
    answer = await service.call("POST", "/api/v1/sessions", body=body, headers={"Origin": "https://evil.example"})
    assert (answer.status, answer.code) == (403, "csrf")


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Basic b3BlcmF0b3I6eA==", "nonsense"])
async def test_token_when_not_valid_then_401(service: Running, header: str) -> None:
    answer = await service.get("/api/v1/cases", headers={"Authorization": header})
    assert (answer.status, answer.code) == (401, "unauthorized") and answer.headers["Www-Authenticate"] == "Bearer"


async def test_account_when_disabled_then_its_token_ends_at_once(service: Running) -> None:
    accounts = service.services.accounts
    await accounts.create_account("leaving", None)
    await service.services.database.insert_one("people", {"_id": "leaving", "username": "leaving", "role": "dispatcher"})
    service.tokens["leaving"] = await accounts.issue_token("leaving")
    assert (await service.get("/api/v1/cases", "leaving")).status == 200
    await accounts.disable("leaving")
    assert (await service.get("/api/v1/cases", "leaving")).status == 401


def test_host_when_demo_accounts_exist_then_only_this_machine() -> None:
    hosts = Hosts(loopback_only=True)
    for good in ("127.0.0.1", "localhost", "[::1]", "127.0.0.2"):
        hosts.check(good)
    with pytest.raises(WrongHost):
        hosts.check("heyun.evil.example")
    Hosts(loopback_only=False).check("heyun.example")


async def test_host_when_demo_and_foreign_then_421(service: Running) -> None:
    service.services.hosts.loopback_only = True
    try:
        for path in ("/api/v1/health", "/", "/api/v1/cases"):
            assert (await service.get(path, headers={"Host": "evil.example:8888"})).status == 421
        assert (await service.get("/api/v1/health")).status == 200
    finally:
        service.services.hosts.loopback_only = False
