"""Three organizations for an elder: a need is found, claimed, given up, claimed by another, served, confirmed and thanked for."""

from __future__ import annotations

from typing import Any

from dispatch.helped import Helped
from dispatch.store import CASES
from tests.scenarios.story import Story, caller
from tests.service import event

PHONE, NAME, STREET = "13885098765", "周国强", "遵义路88号"
TIMELINE = [
    "11-23 10:00 submit operator reported",
    "11-23 10:00 file system filed",
    "11-23 10:00 auto_dispatch system dispatched",
    "11-23 10:30 sign_in unit_clerk handling",
    "11-23 10:40 contact unit_clerk handling",
    "11-23 11:00 open_need unit_clerk handling",
    "11-23 11:30 decline org_coordinator handling",
    "11-23 15:00 claim_need org_coordinator handling x3",
    "11-23 16:00 release org_coordinator handling",
    "11-23 16:30 claim_need org_coordinator handling",
    "11-23 17:00 share_contact operator handling",
    "11-23 17:00 reveal org_coordinator handling",
    "11-24 09:30 serve org_coordinator handling x3",
    "11-24 11:30 task_submit org_coordinator handling x3",
    "11-24 14:00 task_confirm unit_clerk handling x2",
    "11-24 15:00 submit_result unit_clerk handled",
    "11-24 16:00 to_visit dispatcher visiting",
    "11-24 16:00 ask_reporter system visiting",
    "11-24 16:10 issue_link operator visiting",
    "11-24 16:10 task_confirm link visiting",
    "11-24 16:10 rate_help link visiting",
    "11-24 17:00 visit_ok operator closed",
    "11-24 17:00 ask_rating system closed",
]


class _Elder(Story):
    """The story of one need of the case."""

    async def finds(self, who: str) -> list[dict[str, Any]]:
        """Return the needs of the case that an organization finds."""
        answer = await self.service.get("/api/v1/needs?limit=100", who)
        assert answer.status == 200, answer.body
        return [need for need in answer.json["items"] if need["id"].startswith(self.case["id"])]

    async def claims(self, who: str) -> tuple[int, str | None]:
        """Claim; returns the status and the reason of a refusal."""
        answer = await self.service.post(f"/api/v1/needs/{self.case['id']}.n1/claim", {}, who)
        return answer.status, answer.json.get("reason")

    async def need(self) -> tuple[str, int]:
        """Return the state of the need and how many places are taken."""
        need = (await self.seen_by("supervisor"))["needs"][0]
        return need["state"], need["taken"]


async def test_elder_when_three_organizations_are_needed_then_found_claimed_served_confirmed_and_closed(story: Story) -> None:
    told = _Elder(story.service, story.clock)
    await told.report(
        "operator",
        event(
            category="0701", description=f"我叫{NAME}，{STREET}独居老人出院回家，需要陪护买菜就医", appeal_type="help",
            channel="phone", caller=caller(NAME, PHONE), file=True,
        ),
        door="tickets",
    )  # fmt: skip
    await told.until("2026-11-23 10:30")
    await told.does("clerk_town", "sign_in")
    await told.until("2026-11-23 10:40")
    await told.does("clerk_town", "contact")

    # the street office asks for three; one organization that it knows is asked first
    await told.until("2026-11-23 11:00")
    case = await told.does(
        "clerk_town", "open_need", kind="ELD", help="companionship", what="出院老人陪护、买菜、陪同就医", places=3,
        organizations=["ELD-4"], ends_at="2026-11-29T10:00:00Z", open_until="2026-11-25T10:00:00Z",
    )  # fmt: skip
    assert case["needs"][0]["open_from"] == "2026-11-23T07:00:00.000Z", "four hours for who was invited"
    assert await told.finds("elder_1") == [] and [need["invited"] for need in await told.finds("elder_4")] == [True]
    assert await told.claims("elder_1") == (404, None)
    await told.until("2026-11-23 11:30")
    await told.works("elder_4", "org", "decline")
    assert (await told.heard("clerk_town"))[-1] == "decline" and await told.is_hidden_from("elder_4")

    # from three o'clock on everybody finds it, and three are faster than the others
    await told.until("2026-11-23 15:00")
    (need,) = await told.finds("elder_1")
    assert (need["left"], need["distance_m"], need["area"][-1]["level"]) == (3, 300, "community")
    assert not any(secret in str(need) for secret in (PHONE, NAME, STREET, case["case_no"], case["description"]))
    assert await told.is_hidden_from("elder_1")
    for who in ("elder_1", "elder_2", "elder_3"):
        assert await told.claims(who) == (200, None)
    assert await told.need() == ("filled", 3) and await told.claims("elder_5") == (409, "need_filled")
    assert (await told.heard("clerk_town")).count("claim_need") == 3
    seen = await told.seen_by("elder_1")
    assert seen["caller"] is None and not any(secret in str(seen) for secret in (PHONE, NAME))

    # one gives its place up, another takes it
    await told.until("2026-11-23 16:00")
    await told.works("elder_3", "org", "release", reason="人手不够")
    assert await told.need() == ("open", 2) and await told.is_hidden_from("elder_3")
    await told.until("2026-11-23 16:30")
    assert await told.claims("elder_5") == (200, None) and await told.need() == ("filled", 3)

    # the caller agrees that they may call
    await told.until("2026-11-23 17:00")
    reveal = f"{told.path}/reveal"
    assert (await told.service.post(reveal, {"reason": "约定上门"}, "elder_5")).status == 403
    await told.does("operator", "share_contact", consent="oral")
    assert (await told.service.post(reveal, {"reason": "约定上门"}, "elder_5")).json["phone"] == PHONE

    # they come and report their hours
    await told.until("2026-11-24 09:30")
    for who in ("elder_1", "elder_2", "elder_5"):
        await told.works(who, "org", "serve", people="护理员两名")
    await told.until("2026-11-24 11:30")
    for who, hours in (("elder_1", 2), ("elder_2", 1.5), ("elder_5", 2)):
        await told.works(who, "org", "task_submit", note="陪护并代购完成", hours=hours, count=2)

    # the unit confirms two, the caller by the link one, and says of another what it was worth
    await told.until("2026-11-24 14:00")
    helping = {
        task["organization"]["code"]: task["id"] for task in (await told.seen_by("supervisor"))["tasks"] if not task["unit"]
    }
    for code in ("ELD-1", "ELD-2"):
        path = f"{told.path}/tasks/{helping[code]}/actions/task_confirm"
        rev = (await told.seen_by("clerk_town"))["rev"]
        assert (await told.service.post(path, {"rev": rev, "rating": 4}, "clerk_town")).status == 200
    assert await told.need() == ("filled", 3)
    await told.until("2026-11-24 15:00")
    await told.does(
        "clerk_town", "submit_result", handling="三家助老组织上门陪护，街道登记每周探访和应急联系人。",
        public_reply="您反映的独居老人已有助老组织陪护，街道每周探访。",
    )  # fmt: skip
    await told.until("2026-11-24 16:00")
    await told.does("dispatcher", "to_visit")
    await told.until("2026-11-24 16:10")
    link = (await told.service.post(f"{told.path}/link", {"purpose": "visit"}, "operator")).json["url"]
    public = "/api/v1" + link.removeprefix(told.service.url)
    shown = (await told.service.get(public)).json
    assert {one["task"] for one in shown["helpers"]} == {helping[code] for code in ("ELD-1", "ELD-2", "ELD-5")}
    for code, rating in (("ELD-5", 5), ("ELD-1", 5)):
        thanked = await told.service.post(f"{public}/thanks", {"task": helping[code], "rating": rating, "text": "老人很高兴"})
        assert thanked.status == 200, thanked.body
    assert await told.need() == ("done", 3)

    await told.until("2026-11-24 17:00")
    closed = await told.does("operator", "visit_ok", satisfaction="very_satisfied")
    assert closed["state"] == "closed" and await told.need() == ("done", 3)
    helped = Helped(told.service.services.database)
    found = await helped.between(told.moment("2026-11-23 00:00"), told.moment("2026-11-26 00:00"))
    done = [(one.organization, one.kind, one.hours, one.people, one.unit_rating, one.resident_rating) for one in found]
    assert sorted(one for one in done if one[0].startswith("ELD")) == [
        ("ELD-1", "ELD", 2.0, 2, 4, 5), ("ELD-2", "ELD", 1.5, 2, 4, None), ("ELD-5", "ELD", 2.0, 2, None, 5),
    ]  # fmt: skip
    await told.tells(TIMELINE)
    stored = await told.service.services.database.find_one(CASES, {"_id": told.case["id"]})
    assert stored is not None and stored["wanted"] is None
