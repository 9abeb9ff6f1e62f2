import { beforeEach, describe, expect, it } from 'vitest'

import { emptyDraft, ticketBody, ticketGaps } from '../src/desk/ticket/draft'
import { gapsOf, gapText, startValue, toBody } from '../src/shared/form'
import { useWords } from '../src/shared/i18n'
import zh from '../src/shared/i18n/zh-CN.json'
import type { ActionField } from '../src/shared/types'

const fields: ActionField[] = [
  { name: 'handling', type: 'text', required: true, min: 20, max: 30 },
  { name: 'photos', type: 'photos', required: true, min: 1 },
  { name: 'result', type: 'choice', required: true, options: ['resolved'] },
  { name: 'told', type: 'boolean', required: true },
  { name: 'note', type: 'text' },
]

describe('gaps of a form', () => {
  beforeEach(() => useWords(zh, 'zh-CN'))

  it('name what is missing in the order of the fields', () => {
    expect(gapsOf(fields, {}).map((gap) => `${gap.field}:${gap.kind}`)).toEqual(['handling:missing', 'photos:missing', 'result:missing', 'told:missing'])
  })

  it('count characters, not bytes or spaces around', () => {
    const gap = gapsOf(fields, { handling: '  已派人到场处理完毕  ' })[0]!
    expect(gap).toEqual({ field: 'handling', kind: 'short', n: 11 })
    expect(gapText(gap, fields[0])).toBe('再补 11 个。')
    expect(gapsOf(fields, { handling: '长'.repeat(31) })[0]).toEqual({ field: 'handling', kind: 'long', n: 1 })
  })

  it('take false for an answer', () => {
    expect(gapsOf(fields, { told: false }).map((gap) => gap.field)).not.toContain('told')
  })
})

describe('bodies of actions', () => {
  it('leave out what is empty and trim texts', () => {
    expect(toBody(fields, { handling: ' 好 ', photos: [], result: undefined, told: false, note: ' ' })).toEqual({ handling: '好', told: false })
  })

  it('never propose where somebody stands', () => {
    expect(startValue({ name: 'position', type: 'point', value: { lon: 1, lat: 2 } })).toBeUndefined()
    expect(startValue({ name: 'unit', type: 'unit', value: 'U1' })).toBe('U1')
  })
})

describe('tickets', () => {
  it('need words, a place and a number unless anonymous', () => {
    const draft = emptyDraft()
    expect(ticketGaps(draft)).toEqual(['phone', 'text', 'place'])
    Object.assign(draft, { anonymous: true, text: '井盖破了一个洞', place: { lon: 106.6, lat: 26.6 } })
    expect(ticketGaps(draft)).toEqual([])
  })

  it('name the coordinate system and keep an anonymous caller nameless', () => {
    const body = ticketBody({ ...emptyDraft(), anonymous: true, phone: '13800000000', place: { lon: 106.6, lat: 26.6 }, area: { code: '520103', name: '云岩区' } }, true)
    expect(body).toMatchObject({ location: { lon: 106.6, lat: 26.6, crs: 'WGS-84' }, area_code: null, file: true, caller: { phone: null, anonymous: true } })
  })
})
