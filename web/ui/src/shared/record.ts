/** What else is on record about a case, one line each, only where there is something: pure, the words come from the catalogue. */
import { dot, locale, t, word } from './i18n'
import { dayOf, moment } from './time'
import type { Case, CaseRequest, CaseTask, HandOver, Rectification, Supervision } from './types'
import { limitWord, namedHere } from './words'

export interface RecordLine {
  key: string
  title: string
  text: string
  due?: string | null // somebody still has to do something until then
  loud?: boolean
  links?: { id: string; text: string }[]
}

const LEVELS = ['', 'notice', 'letter', 'listed']
const isBad = (item: Rectification): string => dot(...Object.entries(item.grades ?? {}).map(([name, grade]) => `${t(`grade.${name}`)} ${grade}`))

function supervision(one: Supervision): RecordLine {
  const by = one.rule ? t('record.by_rule', { rule: word('light', { yellow: 'y', red: 'd', deep_red: 'p' }[one.rule] ?? one.rule, word('option', one.rule)) }) : word('role', one.role)
  const end = one.lifted_at ? t('record.lifted', { at: moment(one.lifted_at) }) : one.answered_at ? t('record.answered', { at: moment(one.answered_at) }) : ''
  return { key: `supervision-${one.id}`, title: word('option', LEVELS[one.level]), text: dot(by, moment(one.at), one.reason, end), due: end ? null : one.due_at, loud: !one.lifted_at }
}

function rectification(item: Rectification): RecordLine {
  const due = item.state === 'open' ? item.contact_due_at : item.state === 'contacted' ? item.due_at : null
  return { key: 'rectification', title: t('record.rectification'), text: dot(word('rectification', item.state), isBad(item), item.result && word('option', item.result)), due, loud: item.state !== 'closed' }
}

function handed(item: HandOver, title: string, key: string): RecordLine {
  const answer = item.feedback ? t('record.feedback', { text: item.feedback }) : ''
  const back = item.back_at ? t('record.back', { at: moment(item.back_at) }) : ''
  return { key, title, text: dot(word('option', item.agency), item.to, word('option', item.way), moment(item.at), item.receipt && t('record.receipt', { no: item.receipt }), item.summary, answer, back) }
}

/** The last check after closing: whose draw, what came of it, until when it is awaited. */
function spotCheck(item: NonNullable<Case['spot_check']>): RecordLine {
  const by = item.drawn_by === 'system' ? t('record.by_draw') : ''
  const awaited = item.late ? t('record.spot_late') : t('record.awaited')
  const due = item.result ? null : item.due_at
  return { key: 'spot', title: t('record.spot_check'), text: dot(word('option', item.result, awaited), by, moment(item.at ?? item.drawn_at)), due, loud: item.late && !item.result }
}

/** What the case has beside its ordinary course, what is still open first. */
export function recordOf(item: Case): RecordLine[] {
  const lines: RecordLine[] = [...(item.supervisions ?? []).map(supervision)]
  if (item.special_close) lines.push({ key: 'special', title: t('record.special'), text: dot(moment(item.special_close.at), item.special_close.reason), loud: true })
  const lead = [...(item.tasks ?? [])].reverse().find((one) => one.kind === 'lead')
  if (lead?.template && item.lead) lines.push({ key: 'joint', title: t('record.joint'), text: dot(namedHere(lead.template), lead.note) })
  if (item.rectification) lines.push(rectification(item.rectification))
  if (item.verification) lines.push({ key: 'verification', title: t('record.verification'), text: dot(word('option', item.verification.verdict, t('record.awaited')), moment(item.verification.at ?? item.verification.sent_at)) })
  if (item.spot_check) lines.push(spotCheck(item.spot_check))
  if (item.transfer) lines.push(handed(item.transfer, t('record.transfer'), 'transfer'))
  lines.push(...(item.hand_overs ?? []).map((one, index) => handed(one, t('record.hand_over'), `hand-${index}`)))
  if (item.recurrence) lines.push({ key: 'recurrence', title: t('record.recurrence'), text: item.recurrence.days === undefined ? t('record.closed_at', { at: moment(item.recurrence.closed_at) }) : t('record.came_back', { n: item.recurrence.days }), links: [{ id: item.recurrence.id, text: item.recurrence.case_no }] })
  lines.push(...(item.closures ?? []).map((one, index) => ({ key: `closure-${index}`, title: t('record.reopened'), text: dot(word('option', one.reopened), moment(one.reopened_at), t('record.closed_at', { at: moment(one.closed_at) })) })))
  if (item.merged_into && !item.matter) lines.push({ key: 'main', title: t('record.main'), text: '', links: [{ id: item.merged_into, text: t('do.open') }] })
  return lines.sort((a, b) => Number(!!b.loud) - Number(!!a.loud))
}

/** What was asked for, in a few words each. `names` are the names of the parties by code. */
export function requestFacts(request: CaseRequest, names: Record<string, string>): string[] {
  const voices = request.voices?.map((one) => (one.case_no ? t('request.voice', { no: one.case_no, reason: one.reason }) : one.reason))
  const facts = [
    request.unit ? (names[request.unit] ?? request.unit) : t('request.by_reporter'),
    ...(voices ?? [word('option', request.reason, request.reason ?? '')]),
    request.basis,
    request.proposed_unit && t('request.proposes', { unit: request.proposed_unit.name }),
    request.limit && t('request.longer', { limit: limitWord(request.limit) }),
    request.measures,
    request.plan,
    request.planned_at && t('request.planned', { at: dayOf(request.planned_at) }),
    request.kind === 'suspension' && request.state === 'pending' && t(request.signed_by ? 'request.signed' : 'request.unsigned'),
  ]
  return facts.filter((one): one is string => !!one)
}

/** The pictures that are attached to a case, by whoever it was: each once. */
export function evidenceOf(item: Pick<Case, 'photos' | 'tasks'>): string[] {
  return [...new Set([...(item.photos ?? []), ...(item.tasks ?? []).flatMap((task) => task.result?.photos ?? [])])]
}

/** What is known of a task, in a few words each. */
export function taskFacts(task: CaseTask, names: Record<string, string>): string[] {
  const named = (code: string): string => names[code] ?? code
  const facts = [
    task.note,
    task.waits_for?.length && t('task.waits_for', { units: task.waits_for.map((one) => one.name).join(t('list.comma')) }),
    task.state === 'waiting' && task.limit && t('task.limit_then', { limit: limitWord(task.limit) }),
    task.place && t('task.place', { place: task.place }),
    task.caller && t('task.called', { unit: named(task.caller), at: moment(task.called_at) }),
    task.arrived_at && t('task.arrived', { at: moment(task.arrived_at) }),
    task.coordinator && t('task.coordinator', { unit: named(task.coordinator) }),
    task.service && t('task.service', { people: task.service.people, at: moment(task.service.at) }),
    task.result && t('task.result', { text: task.result.note }),
    task.result?.covered_unit && t('task.covered', { unit: named(task.result.covered_unit) }),
    task.result?.hours !== undefined && t('task.hours', { n: task.result.hours }),
    task.waived_because && t('task.waived_because', { text: task.waived_because }),
    task.confirmation?.rating && t('task.rated', { n: task.confirmation.rating }),
    task.confirmation?.thanks,
  ]
  return facts.filter((one): one is string => !!one)
}

/** Until when the task waits for whoever has it; null when it does not. */
export function taskDue(task: CaseTask): string | null {
  if (task.state === 'invited') return task.expires_at ?? null
  return task.state === 'pending' || task.state === 'signed' ? (task.due_at ?? null) : null
}

/** `，` or `, ` between facts of one sentence. */
export const comma = (): string => (locale.value === 'en' ? '; ' : '；')
