import { beforeEach, describe, expect, it } from 'vitest'

import { basisOf, movesOf, sumOf } from '../src/shared/due'
import en from '../src/shared/i18n/en.json'
import zh from '../src/shared/i18n/zh-CN.json'
import { useWords } from '../src/shared/i18n'
import type { Due, Span } from '../src/shared/types'

const NOW = Date.parse('2026-11-25T02:00:00Z')
const span = (start: string, end: string, more: Partial<Span>): Span => ({ start: `2026-${start}:00Z`, end: `2026-${end}:00Z`, counted: true, reason: 'work', name: '', seconds: 0, days: 0, added: '', ...more })
const due = (spans: Span[], more: Partial<Due> = {}): Due => ({ started_at: spans[0]!.start, due_at: spans.at(-1)!.end, limit: '2wd', spans, warning: null, ...more })
const TWO_DAYS = [
  span('11-23T02:00', '11-23T16:00', { counted: false, reason: 'start_day' }),
  span('11-23T16:00', '11-25T09:00', { reason: 'workday', days: 2 }),
]

describe('a due time in words', () => {
  beforeEach(() => useWords(zh, 'zh-CN'))

  it('says what counted and what did not', () => {
    expect(sumOf(due(TWO_DAYS))).toBe('2 工作日 · 不计 当天')
    const hours = [span('11-23T02:00', '11-23T04:00', { seconds: 7200 }), span('11-23T04:00', '11-23T05:00', { counted: false, reason: 'off_hours' }), span('11-23T05:00', '11-23T07:00', { seconds: 7200 })]
    expect(sumOf(due(hours, { limit: '4wh' }))).toBe('2 时 + 下班不计 + 2 时 = 4 工作时')
  })

  it('says which rule gave the limit, the zone of a campaign by name', () => {
    expect(basisOf(due(TWO_DAYS, { source: 'campaign', zone: '文明创建专区' }))).toBe('时限依据：专项区域“文明创建专区”')
    for (const source of ['override', 'special_group', 'category', 'appeal_type', 'urgency', 'law', 'rework', 'redo', 'reopen', 'repair']) expect(basisOf(due(TWO_DAYS, { source }))).not.toContain('due.by')
    expect(basisOf(due(TWO_DAYS, { source: '' }))).toBe('')
  })

  it('says what an extension and a return added, each once', () => {
    const more = [...TWO_DAYS, span('11-25T09:00', '11-25T16:00', { counted: false, reason: 'start_day', added: '1wd' }), span('11-25T16:00', '11-26T09:00', { reason: 'workday', days: 1, added: '1wd' }), span('11-27T01:00', '11-27T03:00', { seconds: 7200, added: 'returned' })]
    const said = movesOf(due(more), NOW)
    expect(said).toHaveLength(2)
    expect(said[0]).toMatch(/^批准延期 1 工作日，延至 .*17:00$/)
    expect(said[1]).toMatch(/^退单占用 2 时，顺延至 .*11:00$/)
    expect(sumOf(due(more))).toBe('2 工作日 · 不计 当天')
  })

  it('says from when to when it stood still, and the whole that counted', () => {
    const paused = [span('11-23T02:00', '11-23T03:00', { seconds: 3600 }), span('11-23T03:00', '11-25T03:00', { counted: false, reason: 'paused' }), span('11-25T03:00', '11-25T04:00', { seconds: 3600 })]
    expect(movesOf(due(paused), NOW)[0]).toMatch(/^.*11:00 至 .*11:00 停计$/)
    expect(sumOf(due(paused))).toBe('共计 2 工作时')
    expect(movesOf(due(paused.slice(0, 1), { paused_at: '2026-11-23T03:00:00Z' }), NOW)[0]).toMatch(/起停计$/)
  })

  it('says of an extension that a later pause has swallowed how long it was', () => {
    const paused = [span('11-23T02:00', '11-23T03:00', { seconds: 3600 }), span('11-23T03:00', '11-25T03:00', { counted: false, reason: 'paused' })]
    expect(movesOf(due(paused, { extensions: ['2wh'] }), NOW)[0]).toBe('批准延期 2 工作时')
    const seen = [...TWO_DAYS, span('11-25T16:00', '11-26T09:00', { reason: 'workday', days: 1, added: '1wd' })]
    expect(movesOf(due(seen, { extensions: ['1wd'] }), NOW)).toHaveLength(1)
  })

  it('says that the calendar was changed, in both languages', () => {
    const moved = due(TWO_DAYS, { recomputed: { at: '2026-11-24T02:00:00Z', before: '2026-11-24T09:00:00Z' } })
    expect(movesOf(moved, NOW)[0]).toMatch(/因日历调整重算，原为 .*17:00 到期$/)
    useWords(en, 'en')
    expect(movesOf(moved, NOW)[0]).toMatch(/after a change of the calendar, was due /)
    expect(basisOf(due(TWO_DAYS, { source: 'law' }))).toBe('Limit: fixed by law')
  })
})
