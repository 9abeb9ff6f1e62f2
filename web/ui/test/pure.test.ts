import { beforeEach, describe, expect, it } from 'vitest'

import { tabsOf } from '../src/desk/board/tabs'
import { asideContent, draftOf, emptyDraft } from '../src/desk/ticket/draft'
import { commonCategories } from '../src/field/common'
import { reportBody } from '../src/field/outbox'
import { arranged } from '../src/shared/acting'
import { toProblem, query } from '../src/shared/api'
import { rankCategories } from '../src/shared/catalogue'
import { useWords } from '../src/shared/i18n'
import zh from '../src/shared/i18n/zh-CN.json'
import { keyName } from '../src/shared/keys'
import { gather } from '../src/shared/map/gather'
import { fit } from '../src/shared/photo'
import { evidenceOf, recordOf, requestFacts, taskFacts } from '../src/shared/record'
import { parseHash } from '../src/shared/route'
import type { Case } from '../src/shared/types'
import { distance, doubtWord, lightClass, limitWord, metresBetween, ownTasks, pausedClock, pausedText, rounds, runningClock, titleOf } from '../src/shared/words'

beforeEach(() => useWords(zh, 'zh-CN'))

describe('photos', () => {
  it.each([[2400, 1800, 1600, 1200], [900, 1600, 900, 1600], [4000, 40, 1600, 16], [100, 50, 100, 50]])('%i×%i becomes %i×%i', (width, height, w, h) => {
    expect(fit(width, height)).toEqual({ width: w, height: h })
  })
})

describe('words of a case', () => {
  it('say doubts with their figure', () => {
    expect(doubtWord('boundary:14:520103002')).toBe('落点距界 14 米')
    expect(doubtWord('tie')).toBe('几家同分')
    expect(doubtWord('unheard_of')).toBe('unheard_of')
  })
  it('make a title of category and first words', () => {
    expect(titleOf({ category: { code: '1', name: '暴露垃圾' }, description: '夜市散场后成堆，没人清' })).toBe('暴露垃圾 · 夜市散场后成堆')
    expect(titleOf({ category: null, description: '' })).toBe('类别待定')
  })
  it('say limits and distances', () => {
    expect([limitWord('2wh'), limitWord('odd'), distance(612), distance(1300)]).toEqual(['2 工作时', 'odd', '612 米', '1.3 公里'])
  })
  it('put the steps of a template into rounds', () => {
    const step = (number: number, named: string) => ({ step: number, named, kind: 'joint', unit: null, limit: null, task: '' })
    const found = rounds([step(2, 'c'), step(1, 'a'), step(1, 'b')])
    expect(found.map((round) => round.map((one) => one.named))).toEqual([['a', 'b'], ['c']])
  })
  it('know the lights, the ring for all else', () => {
    expect(['green', 'yellow', 'red', 'deep_red', 'paused', null].map(lightClass)).toEqual(['g', 'y', 'd', 'p', 'z', 'n'])
  })
  it('take the clock that the state runs', () => {
    const clock = (kind: string) => ({ kind, started_at: '', due_at: '2026-11-24T09:00:00Z', done_at: null, light: 'green' as const })
    expect(runningClock({ state: 'dispatched', due_at: null, clocks: [clock('case'), clock('sign_in')] })?.kind).toBe('sign_in')
    expect(runningClock({ state: 'handling', due_at: null, clocks: [clock('contact'), clock('case')] })?.kind).toBe('case')
  })
  it('measure metres', () => {
    expect(metresBetween({ lon: 106.63, lat: 26.647 }, { lon: 106.63, lat: 26.648 })).toBeCloseTo(111.2, 0)
  })
})

describe('the catalogue', () => {
  const list = [{ code: '0201', name: '井盖缺失/破损', name_en: 'Manhole cover', major: '02' }, { code: '0102', name: '暴露垃圾', name_en: 'Litter', major: '01' }, { code: '0101', name: '垃圾箱满溢', name_en: 'Full bin', major: '01' }]
  it('is searched by code, name, English and letters in order', () => {
    expect(rankCategories('02', list)[0]!.code).toBe('0201')
    expect(rankCategories('垃圾', list).map((one) => one.code)).toEqual(['0101', '0102'])
    expect(rankCategories('litter', list)[0]!.code).toBe('0102')
    expect(rankCategories('井缺', list)[0]!.code).toBe('0201')
    expect(rankCategories('xyz', list)).toEqual([])
  })
  it('puts what was reported most first', () => {
    expect(commonCategories(list, { '0101': 3, gone: 9 })).toEqual(['0101', '0201', '0102'])
  })
})

describe('keys', () => {
  const press = (init: KeyboardEventInit, target: HTMLElement = document.body): string => {
    const event = new KeyboardEvent('keydown', { ...init })
    Object.defineProperty(event, 'target', { value: target })
    return keyName(event)
  }
  it('never act while an input method composes', () => {
    expect(press({ key: 'Enter', ctrlKey: true, isComposing: true })).toBe('')
  })
  it('leave letters in fields alone but take function keys and Ctrl+Enter', () => {
    const input = document.createElement('input')
    expect(press({ key: 'j', code: 'KeyJ' }, input)).toBe('')
    expect(press({ key: 'j', code: 'KeyJ' })).toBe('KeyJ')
    expect(press({ key: 'F4', code: 'F4' }, input)).toBe('F4')
    expect(press({ key: 'Enter', ctrlKey: true }, input)).toBe('Ctrl+Enter')
    expect(press({ key: 'd', code: 'KeyD', altKey: true })).toBe('')
  })
})

describe('the map', () => {
  const point = (id: string, lon: number, light: 'green' | 'red', urgency = 'normal') => ({ id, lon, lat: 26.6001, light, urgency, state: 'filed', line: '' })
  it('gathers what lies together, worst light first, and keeps emergencies and the chosen one single', () => {
    const shown = gather([point('a', 106.6001, 'green'), point('b', 106.6002, 'red'), point('c', 106.6003, 'green', 'emergency'), point('d', 106.6004, 'green'), point('e', 106.9, 'green')], [], 0.01, 'd')
    expect(shown.items.map((one) => one.id).sort()).toEqual(['c', 'd', 'e'])
    expect(shown.clusters).toMatchObject([{ count: 2, worst: 'red' }])
  })
})

describe('addresses and answers', () => {
  it('reads hashes', () => {
    const found = parseHash('#/board/ab%20c?tab=filed')
    expect([found.name, found.id, found.query.get('tab')]).toEqual(['board', 'ab c', 'filed'])
    expect(parseHash('').name).toBe('')
  })
  it('leaves empty filters out', () => {
    expect(query({ state: 'filed', q: '', light: undefined, limit: 5 })).toBe('?state=filed&limit=5')
  })
  it('shows the words of a problem document and knows what may be sent again', () => {
    const stale = toProblem(412, { code: 'stale_rev', title: '有人刚改过这件', detail: '请看最新内容' })
    expect([stale.message, stale.stale, stale.retryable]).toEqual(['有人刚改过这件。请看最新内容', true, false])
    expect(toProblem(503, {}).retryable).toBe(true)
  })
  it('sends accuracy only with a measured position', () => {
    const report = { key: 'k', at: '2026-11-24T00:00:00Z', text: ' ', category: '0201', categoryName: '井盖', urgency: '', photos: [], resident: null, state: 'writing' as const, why: '' }
    expect(reportBody({ ...report, position: { lon: 1, lat: 2, accuracy: 8, source: 'gps' } }, [])).toMatchObject({ description: '现场照片：井盖', location: { accuracy_m: 8 }, urgency: null })
    expect(reportBody({ ...report, position: { lon: 1, lat: 2, accuracy: 8, source: 'map' } }, [])).toMatchObject({ location: { accuracy_m: null } })
  })
})

const actions = (...names: string[]) => names.map((name) => ({ name, needs_rev: false, fields: [] }))

describe('what is offered', () => {
  const names = (list: readonly { name: string }[]): string => list.map((one) => one.name).join(' ')
  it('shows the usual actions in their order and keeps the rest in the menu', () => {
    const { shown, more } = arranged(actions('urge', 'merge', 'progress', 'invite', 'contact'), ['contact', 'progress'], 3)
    expect([names(shown), names(more)]).toEqual(['contact progress', 'urge merge invite'])
  })
  it('makes no menu of a single action', () => {
    expect(names(arranged(actions('a', 'b', 'c', 'd'), [], 3).shown)).toBe('a b c d')
    expect(names(arranged(actions('a', 'b', 'c', 'd', 'e'), [], 3).shown)).toBe('a')
  })
})

describe('what is on record', () => {
  const base = { id: '1', state: 'handling', requests: [], tasks: [], clocks: [], assists: [], organizations: [], lead: null, match: null } as unknown as Case
  it('is nothing where there is nothing', () => expect(recordOf(base)).toEqual([]))
  it('tells an unanswered supervision with its due time, before what is settled', () => {
    const one = { id: 's1', level: 2, role: 'supervisor', rule: 'red', reason: '请说明', at: '2026-11-20T01:00:00Z', due_at: '2026-11-21T01:00:00Z', answered_at: null, lifted_at: null }
    const lines = recordOf({ ...base, recurrence: { id: '9', case_no: 'XC1', closed_at: '2026-11-01T01:00:00Z' }, supervisions: [{ ...one, lifted_at: one.due_at }, one] })
    expect(lines.map((line) => line.due ?? null)).toEqual([one.due_at, null, null])
    expect(lines[0]!.text).toContain('按规则（超期） · ')
  })
  it('knows a special closure that nobody has decided', () => {
    const proposed = recordOf({ ...base, special_close: { by: 's1', at: '2026-11-20T01:00:00Z', reason: '无法解决' } })
    expect(proposed.map((line) => [line.key, line.loud, line.text.endsWith('无法解决')])).toEqual([['special', true, true]])
  })
  it('tells until when a check that was drawn is awaited, and that nobody went', () => {
    const check = { result: null, at: null, drawn_by: 'system', drawn_at: '2026-11-20T01:00:00Z', due_at: '2026-11-24T09:00:00Z', late: false }
    expect(recordOf({ ...base, spot_check: check }).map((line) => [line.due, line.loud])).toEqual([[check.due_at, false]])
    expect(recordOf({ ...base, spot_check: { ...check, late: true } })[0]!.text).toContain('逾期未查')
    expect(recordOf({ ...base, spot_check: { ...check, result: 'pass' } })[0]!.due).toBeNull()
  })
  it('says what was asked for and what became of a task', () => {
    expect(requestFacts({ id: 'q1', kind: 'extension', state: 'pending', unit: 'u1', reason: '要等配件', limit: '2wd' }, { u1: '城管局' })).toEqual(['城管局', '要等配件', '延长 2 工作日'])
    const voices = [{ at: '2026-11-23T02:00:00.000Z', reason: '又不亮了' }, { at: '2026-11-23T03:00:00.000Z', reason: '还是不亮', case: 'c2', case_no: 'GY2' }]
    expect(requestFacts({ id: 'q2', kind: 'appeal', state: 'pending', unit: null, reason: '又不亮了', voices }, {})).toEqual(['诉求人', '又不亮了', 'GY2（并案）：还是不亮'])
    const waiting = { id: 't4', kind: 'joint', state: 'waiting', unit: { code: 'r', name: '路政' }, limit: '1wd', note: '清理碎砖', waits_for: [{ code: 'a', name: '街道办' }, { code: 'b', name: '水务局' }] }
    expect(taskFacts(waiting, {})).toEqual(['清理碎砖', '等街道办、水务局办完', '轮到后限 1 工作日'])
    expect(taskFacts({ id: 't1', kind: 'org', state: 'confirmed', unit: null, result: { note: '清了三处', hours: 2 }, confirmation: { rating: 5, thanks: null } }, {})).toEqual(['结果：清了三处', '服务 2 小时', '评 5 分'])
  })
  it('finds the own part by unit or organization, never the lead', () => {
    const task = (id: string, kind: string, code: string) => ({ id, kind, state: 'pending', unit: kind === 'org' ? null : { code, name: code }, organization: kind === 'org' ? { code, name: code } : null })
    const item = { tasks: [task('1', 'lead', 'a'), task('2', 'assist', 'a'), task('3', 'org', 'o')] }
    expect(ownTasks(item, { unit: { code: 'a', name: '' } }).map((one) => one.id)).toEqual(['2'])
    expect(ownTasks(item, { unit: null, organization: { code: 'o', name: '' } }).map((one) => one.id)).toEqual(['3'])
    const signing = { ...item.tasks[1]!, actions: actions('task_sign') }
    expect(ownTasks({ tasks: [item.tasks[0]!, signing] }, { unit: { code: 'root', name: '' } })).toEqual([signing])
  })
  it('says how much of a paused time is left', () => {
    const clock = { kind: 'case', limit: '3wd', started_at: '', due_at: '', done_at: '', light: 'green' as const, paused_at: 'x', left_seconds: 7200 }
    expect(pausedText(pausedClock({ clocks: [clock] })!)).toBe('办结时限暂停，还剩 2 工作时')
  })
})

describe('queues', () => {
  it('hold every state in which a case is under way, once for each role', () => {
    for (const role of ['operator', 'dispatcher', 'supervisor', 'leader']) {
      const tabs = tabsOf(role)
      expect(new Set(tabs.map((one) => one.name)).size).toBe(tabs.length)
      expect(tabs.find((one) => one.name === 'underway')!.query.state).toBe('dispatched,handling,suspended,coordinating')
    }
  })
})

describe('evidence', () => {
  it('is what was attached by anybody, each once', () => {
    const task = { id: 't1', kind: 'assist', state: 'submitted', unit: null, result: { note: '查过', photos: ['b', 'a'] } }
    expect(evidenceOf({ photos: ['a'], tasks: [task] })).toEqual(['a', 'b'])
    expect(taskFacts({ ...task, result: { note: '查过', covered_unit: 'u1' } }, { u1: '城管局' })).toEqual(['结果：查过', '采用 城管局 的检查结果'])
  })
})

describe('a ticket put aside', () => {
  it('comes back as it was', () => {
    const draft = { ...emptyDraft(), key: 'k-1', name: '王女士', phone: '138 1234 5678', text: '楼上漏水', category: '0203', place: { lon: 106.7, lat: 26.6 }, address: '花果园', silent: true }
    const content = asideContent(draft)
    expect(draftOf({ id: 'k-1', content, saved_at: '' })).toEqual(draft)
    expect(content).not.toHaveProperty('file')
    expect(content).not.toHaveProperty('urgency')
  })
  it('keeps the little that is there', () => {
    const empty = { ...emptyDraft(), key: 'k-2' }
    expect(draftOf({ id: 'k-2', content: asideContent(empty), saved_at: '' })).toEqual(empty)
    expect(draftOf({ id: 'k-2', content: {}, saved_at: '' })).toEqual(empty)
  })
})
