/** A due time in words: what was counted, which rule gave the limit, what moved it since. Pure; the words come from the catalogue. */
import { dot, t, word } from './i18n'
import { amount, moment, remaining } from './time'
import type { Due, Span } from './types'
import { limitWord } from './words'

const length = (span: Span): number => Date.parse(span.end) - Date.parse(span.start)
const long = (milliseconds: number): string => amount(remaining(milliseconds, 0))
/** Stretches of the limit itself; what an extension or a return added is told apart from them. */
const own = (due: Due): Span[] => due.spans.filter((span) => !span.added)

/** 1 时 34 分 + 午休 + 2 时 26 分 = 4 工作时; for working days how many counted and what was left out; after a pause the whole. */
export function sumOf(due: Due): string {
  const spans = own(due)
  const days = spans.reduce((sum, span) => sum + span.days, 0)
  if (spans.some((span) => span.reason === 'paused')) return t('due.counted', { n: counted(due, spans) })
  if (days) {
    const skipped = spans.filter((span) => !span.counted && ['holiday', 'weekend', 'start_day'].includes(span.reason)).map((span) => word('span', span.reason, span.name))
    return dot(limitWord(`${days}wd`), skipped.length ? t('due.without', { what: [...new Set(skipped)].join(t('due.and')) }) : '')
  }
  if (spans.length < 2) return ''
  return `${spans.slice(0, 7).map((span) => (span.counted ? long(length(span)) : word('span', span.reason))).join(' + ')} = ${limitWord(due.limit)}`
}

/** What counted in all: working hours where the limit counts those. Days before the pause count as the hours that they have. */
function counted(due: Due, spans: Span[]): string {
  const hours = spans.reduce((sum, span) => sum + span.seconds, 0) / 3600
  const days = spans.reduce((sum, span) => sum + span.days, 0)
  const whole = t(/^\d+w/.test(due.limit) ? 'limit.wh' : 'limit.h', { n: Math.round(hours * 10) / 10 })
  return days ? `${limitWord(`${days}wd`)} + ${whole}` : whole
}

/** Which rule gave the limit; nothing for the steps, whose limits are the city's. */
export function basisOf(due: Due): string {
  return due.source ? t('due.basis', { what: t(`due.by_${due.source}`, { zone: due.zone ?? '' }) }) : ''
}

/** What moved the due time, in order: pauses, extensions, returns, a change of the calendar. */
export function movesOf(due: Due, now: number): string[] {
  const said = unseen(due).map((limit) => t('due.extended_before', { limit: limitWord(limit) }))
  for (const [at, span] of due.spans.entries()) {
    if (span.reason === 'paused') said.push(t('due.paused_from', { from: moment(span.start, now), to: moment(span.end, now) }))
    if (!span.added || span.added === due.spans[at - 1]?.added) continue
    const all = run(due.spans.slice(at), span.added)
    const to = moment(all.at(-1)!.end, now)
    const lost = long(all.reduce((sum, one) => sum + one.seconds, 0) * 1000)
    said.push(span.added === 'returned' ? t('due.returned', { lost, to }) : t('due.extended', { limit: limitWord(span.added), to }))
  }
  if (due.paused_at) said.push(t('due.paused_since', { from: moment(due.paused_at, now) }))
  if (due.recomputed) said.push(t('due.recomputed', { at: moment(due.recomputed.at, now), before: moment(due.recomputed.before, now) }))
  return said
}

/** Extensions that have no stretch of their own any more: a later pause has given back what was left of them. */
function unseen(due: Due): string[] {
  const seen = due.spans.filter((span, at) => span.added && span.added !== due.spans[at - 1]?.added).map((span) => span.added)
  return (due.extensions ?? []).filter((limit) => {
    const at = seen.indexOf(limit)
    if (at >= 0) seen.splice(at, 1)
    return at < 0
  })
}

/** The spans from the first on that belong together. */
function run(spans: Span[], added: string): Span[] {
  const end = spans.findIndex((span) => span.added !== added)
  return end < 0 ? spans : spans.slice(0, end)
}
