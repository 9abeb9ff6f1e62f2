"""The API's addresses, in the order in which they are tried. A part in braces is one segment of the path."""

from __future__ import annotations

from tornado.web import RequestHandler

from web.api.asking import Address, DuplicatesHandler, Locate, LocateMany, MatchHandler, SignalsHandler
from web.api.awards import CertificateCheck, CertificatePdf, Evaluations, OrganizationRecord
from web.api.boundaries import AreaVersions, ChangeFollow, ChangeList, ChangeWithdraw, Orphans
from web.api.calendar import CalendarDayHandler, CalendarImport, CalendarRecompute, CalendarYear
from web.api.callers import CallerCases
from web.api.cases import CaseAction, CaseHandler, CaseList, CaseMap, Due, RequestAction, Reveal, Summary, TaskAction, Timeline
from web.api.channels import ChannelCode, ChannelConfirm, ChannelPreview, MyChannels
from web.api.deliveries import DeliveryList, DeliveryResend, TemplatePreview, WebhookReplay
from web.api.directory import Area, Areas, Categories, CityHandler
from web.api.drafts import DraftHandler, DraftList, DraftSend
from web.api.duty import DutyHandler, MyDutyHandler, RosterImport, RosterList, RosterRowHandler
from web.api.gazetteer import GazetteerEntry, GazetteerImport, GazetteerList
from web.api.groups import (
    GroupHandler,
    GroupImport,
    GroupList,
    GroupNoticeRead,
    GroupNotices,
    GroupPosts,
    PostConfirm,
    PostDecline,
    PostHandler,
    PostList,
)
from web.api.intake import Events, EventsBatch, Tickets
from web.api.joint import JointTemplateList
from web.api.media import MediaHandler
from web.api.models import ModelActivate, ModelDeactivate, ModelHandler, ModelList
from web.api.needs import NeedAction, NeedClaim, NeedList
from web.api.notices import NoticeRead, Notices
from web.api.offers import OfferClaim, OfferEnd, OfferHandler, OfferList, OfferPause, OfferPublish
from web.api.organizations import (
    OrganizationHandler,
    OrganizationHistory,
    OrganizationImport,
    OrganizationPeople,
    OrganizationPerson,
    OrganizationReveal,
    Organizations,
    OrganizationStanding,
)
from web.api.patrols import (
    PatrolCancel,
    PatrolEnd,
    PatrolHandler,
    PatrolList,
    PatrolPlanHandler,
    PatrolPlanList,
    PatrolPoints,
    PatrolStart,
    PatrolTally,
    PatrolVisits,
)
from web.api.proposals import ProposalAccept, ProposalDismiss, ProposalList
from web.api.public import (
    CaseCode,
    CaseLink,
    PublicAppeal,
    PublicCaseHandler,
    PublicQuery,
    PublicRating,
    PublicThanks,
    PublicVisit,
)
from web.api.rule_checks import RuleCheck, RuleCheckHandler, RuleCoverage, RuleFindings
from web.api.rule_tables import RuleExport, RuleImport
from web.api.rules import RuleApply, RuleHandler, Rules, RuleVersionHandler, RuleVersionList, RuleVersionUndo
from web.api.service import Docs, DocsStyle, Health, OpenApi
from web.api.sessions import CurrentSession, Sessions
from web.api.territory import InspectionHandler, TerritoryImport, TerritoryInspect
from web.api.units import UnitDissolve, UnitHandler, UnitHistory, UnitImport, Units
from web.api.visits import DueVisits, PlaceVisits, VisitCounts, VisitPlaceHandler, VisitPlaceImport, VisitPlaceList
from web.api.volunteers import VolunteerCertificatePdf, VolunteerRecordOf, Volunteers
from web.stream import StreamHandler
from web.tiles import TileHandler

__all__ = ["ROUTES"]

ROUTES: tuple[tuple[str, type[RequestHandler]], ...] = (
    ("/api/v1/events", Events),
    ("/api/v1/tickets", Tickets),
    ("/api/v1/events:batch", EventsBatch),
    ("/api/v1/drafts", DraftList),
    ("/api/v1/drafts/{id}:send", DraftSend),
    ("/api/v1/drafts/{id}", DraftHandler),
    ("/api/v1/media/{id}", MediaHandler),
    ("/api/v1/cases", CaseList),
    ("/api/v1/cases/summary", Summary),
    ("/api/v1/cases/map", CaseMap),
    ("/api/v1/cases/{id}", CaseHandler),
    ("/api/v1/cases/{id}/timeline", Timeline),
    ("/api/v1/cases/{id}/due", Due),
    ("/api/v1/cases/{id}/reveal", Reveal),
    ("/api/v1/cases/{id}/link", CaseLink),
    ("/api/v1/cases/{id}/code", CaseCode),
    ("/api/v1/cases/{id}/actions/{action}", CaseAction),
    ("/api/v1/cases/{id}/requests/{request}/actions/{action}", RequestAction),
    ("/api/v1/cases/{id}/tasks/{task}/actions/{action}", TaskAction),
    ("/api/v1/cases/{id}/needs/{need}/actions/{action}", NeedAction),
    ("/api/v1/needs", NeedList),
    ("/api/v1/needs/{id}/claim", NeedClaim),
    ("/api/v1/public/query", PublicQuery),
    ("/api/v1/public/cases/{token}", PublicCaseHandler),
    ("/api/v1/public/cases/{token}/visit", PublicVisit),
    ("/api/v1/public/cases/{token}/rate", PublicRating),
    ("/api/v1/public/cases/{token}/appeal", PublicAppeal),
    ("/api/v1/public/cases/{token}/thanks", PublicThanks),
    ("/api/v1/callers:cases", CallerCases),
    ("/api/v1/match", MatchHandler),
    ("/api/v1/locate", Locate),
    ("/api/v1/locate:batch", LocateMany),
    ("/api/v1/address", Address),
    ("/api/v1/gazetteer", GazetteerList),
    ("/api/v1/gazetteer:import", GazetteerImport),
    ("/api/v1/gazetteer/{id}", GazetteerEntry),
    ("/api/v1/signals", SignalsHandler),
    ("/api/v1/duplicates", DuplicatesHandler),
    ("/api/v1/areas", Areas),
    ("/api/v1/areas/{code}", Area),
    ("/api/v1/territory:inspect", TerritoryInspect),
    ("/api/v1/territory:import", TerritoryImport),
    ("/api/v1/territory/inspections/{id}", InspectionHandler),
    ("/api/v1/areas/{code}/versions", AreaVersions),
    ("/api/v1/territory/changes", ChangeList),
    ("/api/v1/territory/changes/{id}:withdraw", ChangeWithdraw),
    ("/api/v1/territory/changes/{id}:follow", ChangeFollow),
    ("/api/v1/territory/orphans", Orphans),
    ("/api/v1/units", Units),
    ("/api/v1/units:import", UnitImport),
    ("/api/v1/units/{code}:dissolve", UnitDissolve),
    ("/api/v1/units/{code}/history", UnitHistory),
    ("/api/v1/units/{code}", UnitHandler),
    ("/api/v1/organizations", Organizations),
    ("/api/v1/offers", OfferList),
    ("/api/v1/offers/{id}:publish", OfferPublish),
    ("/api/v1/offers/{id}:pause", OfferPause),
    ("/api/v1/offers/{id}:end", OfferEnd),
    ("/api/v1/offers/{id}:claim", OfferClaim),
    ("/api/v1/offers/{id}", OfferHandler),
    ("/api/v1/public/certificates/{code}", CertificateCheck),
    ("/api/v1/organizations:evaluation", Evaluations),
    ("/api/v1/organizations/{code}/record", OrganizationRecord),
    ("/api/v1/organizations/{code}/certificates/{period}.pdf", CertificatePdf),
    ("/api/v1/organizations/{code}/volunteers", Volunteers),
    ("/api/v1/organizations/{code}/volunteers/{number}/record", VolunteerRecordOf),
    ("/api/v1/organizations/{code}/volunteers/{number}/certificates/{period}.pdf", VolunteerCertificatePdf),
    ("/api/v1/organizations:import", OrganizationImport),
    ("/api/v1/organizations/{code}:standing", OrganizationStanding),
    ("/api/v1/organizations/{code}:reveal", OrganizationReveal),
    ("/api/v1/organizations/{code}", OrganizationHandler),
    ("/api/v1/organizations/{code}/changes", OrganizationHistory),
    ("/api/v1/organizations/{code}/people", OrganizationPeople),
    ("/api/v1/organizations/{code}/people/{person}:remove", OrganizationPerson),
    ("/api/v1/rules", Rules),
    ("/api/v1/rules:apply", RuleApply),
    ("/api/v1/rules:check", RuleCheck),
    ("/api/v1/rules:export", RuleExport),
    ("/api/v1/rules:import", RuleImport),
    ("/api/v1/rules/checks/{id}", RuleCheckHandler),
    ("/api/v1/rules/findings", RuleFindings),
    ("/api/v1/rules/coverage", RuleCoverage),
    ("/api/v1/rules/versions", RuleVersionList),
    ("/api/v1/rules/versions/{version}:undo", RuleVersionUndo),
    ("/api/v1/rules/versions/{version}", RuleVersionHandler),
    ("/api/v1/rules/{id}", RuleHandler),
    ("/api/v1/rule-proposals", ProposalList),
    ("/api/v1/rule-proposals/{id}/accept", ProposalAccept),
    ("/api/v1/rule-proposals/{id}/dismiss", ProposalDismiss),
    ("/api/v1/models", ModelList),
    ("/api/v1/models/{id}:activate", ModelActivate),
    ("/api/v1/models/{id}:deactivate", ModelDeactivate),
    ("/api/v1/models/{id}", ModelHandler),
    ("/api/v1/categories", Categories),
    ("/api/v1/joint-templates", JointTemplateList),
    ("/api/v1/city", CityHandler),
    ("/api/v1/calendar", CalendarYear),
    ("/api/v1/calendar:import", CalendarImport),
    ("/api/v1/calendar:recompute", CalendarRecompute),
    ("/api/v1/calendar/{date}", CalendarDayHandler),
    ("/api/v1/duty", DutyHandler),
    ("/api/v1/duty/mine", MyDutyHandler),
    ("/api/v1/rosters", RosterList),
    ("/api/v1/rosters:import", RosterImport),
    ("/api/v1/rosters/{id}", RosterRowHandler),
    ("/api/v1/patrols", PatrolList),
    ("/api/v1/patrols/tally", PatrolTally),
    ("/api/v1/patrols/{id}:start", PatrolStart),
    ("/api/v1/patrols/{id}:end", PatrolEnd),
    ("/api/v1/patrols/{id}:cancel", PatrolCancel),
    ("/api/v1/patrols/{id}/points", PatrolPoints),
    ("/api/v1/patrols/{id}/visits", PatrolVisits),
    ("/api/v1/patrols/{id}", PatrolHandler),
    ("/api/v1/patrol-plans", PatrolPlanList),
    ("/api/v1/patrol-plans/{id}", PatrolPlanHandler),
    ("/api/v1/visits/due", DueVisits),
    ("/api/v1/visits/counts", VisitCounts),
    ("/api/v1/visit-places", VisitPlaceList),
    ("/api/v1/visit-places:import", VisitPlaceImport),
    ("/api/v1/visit-places/{id}/visits", PlaceVisits),
    ("/api/v1/visit-places/{id}", VisitPlaceHandler),
    ("/api/v1/groups", GroupList),
    ("/api/v1/groups:import", GroupImport),
    ("/api/v1/groups/{id}/posts", GroupPosts),
    ("/api/v1/groups/{id}/notices", GroupNotices),
    ("/api/v1/groups/{id}/notices/{notice}/read", GroupNoticeRead),
    ("/api/v1/groups/{id}", GroupHandler),
    ("/api/v1/posts", PostList),
    ("/api/v1/posts/{id}:confirm", PostConfirm),
    ("/api/v1/posts/{id}:decline", PostDecline),
    ("/api/v1/posts/{id}", PostHandler),
    ("/api/v1/notices", Notices),
    ("/api/v1/notices/{id}/read", NoticeRead),
    ("/api/v1/me/channels", MyChannels),
    ("/api/v1/me/channels/sample", ChannelPreview),
    ("/api/v1/me/channels/{channel}:code", ChannelCode),
    ("/api/v1/me/channels/{channel}:confirm", ChannelConfirm),
    ("/api/v1/deliveries", DeliveryList),
    ("/api/v1/deliveries/{id}:resend", DeliveryResend),
    ("/api/v1/webhooks/{name}:replay", WebhookReplay),
    ("/api/v1/templates:preview", TemplatePreview),
    ("/api/v1/stream", StreamHandler),
    ("/api/v1/tiles/{z}/{x}/{y}.mvt", TileHandler),
    ("/api/v1/sessions", Sessions),
    ("/api/v1/sessions/current", CurrentSession),
    ("/api/v1/health", Health),
    ("/api/v1/openapi.json", OpenApi),
    ("/api/docs", Docs),
    ("/api/docs.css", DocsStyle),
)
