import { beforeEach, describe, expect, it } from 'vitest'

import en from '../src/shared/i18n/en.json'
import zh from '../src/shared/i18n/zh-CN.json'
import { useWords } from '../src/shared/i18n'
import { digits, dueGroup, leftText, moment, remaining } from '../src/shared/time'

const at = (text: string): number => Date.parse(text)
const NOW = at('2026-11-24T06:40:00Z') // Tuesday 14:40 in Guiyang
const MINUTE = 60_000

describe('what is left', () => {
  beforeEach(() => useWords(zh, 'zh-CN'))

  it.each([
    [48 * MINUTE, '剩 48 分'],
    [140 * MINUTE, '剩 2 时 20 分'],
    [120 * MINUTE, '剩 2 时'],
    [27 * 60 * MINUTE, '剩 1 天 3 时'],
    [9 * 24 * 60 * MINUTE, '剩 9 天'],
    [20_000, '剩 1 分'],
    [-4 * MINUTE, '超 4 分'],
    [-52 * 60 * MINUTE, '超 2 天 4 时'],
  ])('says %i ms as %s', (left, text) => {
    expect(leftText(NOW + left, NOW)).toBe(text)
  })

  it('is neither late nor left at the very moment', () => {
    expect(remaining(NOW, NOW)).toMatchObject({ late: false, minutes: 0, seconds: 0 })
  })

  it('counts the last hour by the second', () => {
    expect(digits(remaining(NOW + 582_000, NOW))).toBe('9:42')
    expect(digits(remaining(NOW + 3_727_000, NOW))).toBe('1:02:07')
  })
})

describe('moments', () => {
  it('are said in the zone of the city, with 24 hours', () => {
    useWords(zh, 'zh-CN')
    expect(moment('2026-11-24T09:00:00.000Z', NOW)).toBe('今天 17:00')
    expect(moment('2026-11-24T16:30:00.000Z', NOW)).toBe('明天 00:30')
    expect(moment('2026-11-22T16:00:00.000Z', NOW)).toBe('昨天 00:00')
    expect(moment('2026-11-26T09:00:00.000Z', NOW)).toBe('11-26 周四 17:00')
    expect(moment('2027-03-31T09:00:00.000Z', NOW)).toBe('2027-03-31 17:00')
    expect(moment(null, NOW)).toBe('')
  })

  it('are said in English too', () => {
    useWords(en, 'en')
    expect(moment('2026-11-26T09:00:00.000Z', NOW)).toBe('11-26 Thu 17:00')
  })
})

describe('groups of the inbox', () => {
  it('go by the day in the city', () => {
    expect(dueGroup('2026-11-24T06:39:59Z', NOW)).toBe('overdue')
    expect(dueGroup('2026-11-24T15:59:00Z', NOW)).toBe('today')
    expect(dueGroup('2026-11-24T16:00:00Z', NOW)).toBe('later')
    expect(dueGroup(null, NOW)).toBe('none')
  })
})
