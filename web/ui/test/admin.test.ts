import { beforeEach, describe, expect, it } from 'vitest'

import { dayOf, monthsOf, moved, workdaysOf } from '../src/desk/admin/days'
import { reasonWord } from '../src/desk/admin/reasons'
import { screensOf } from '../src/desk/roles'
import { body, type Choice } from '../src/shared/channels'
import { useWords } from '../src/shared/i18n'
import zh from '../src/shared/i18n/zh-CN.json'
import { ANY, changed, grouped, share } from '../src/shared/kinds'

beforeEach(() => useWords(zh, 'zh-CN'))

describe('kinds of notices', () => {
  const all = ['dispatch', 'light', 'urge', 'party']
  it('stand in groups, unknown ones under other news', () => {
    expect(grouped(all)).toEqual([{ name: 'work', kinds: ['dispatch'] }, { name: 'time', kinds: ['light', 'urge'] }, { name: 'other', kinds: ['party'] }])
  })
  it('are chosen one by one, together they are all', () => {
    expect(changed([ANY], ['light'], false, all)).toEqual(['dispatch', 'urge', 'party'])
    expect(changed(['dispatch', 'urge', 'party'], ['light'], true, all)).toEqual([ANY])
    expect(changed(['light'], ['light', 'urge'], false, all)).toEqual([])
    expect([share([ANY], ['light']), share(['light'], ['light', 'urge']), share([], ['light'])]).toEqual([true, null, false])
  })
})

describe('the choice of channels', () => {
  it('leaves out what is empty and wants all kinds of a new address', () => {
    const choice: Choice = { language: 'en', quiet_hours: false, email: { address: 'a@b.cn', kinds: ['light'], confirmed: true }, sms: null, wecom: null, available: ['email', 'sms'], all_kinds: ['light'] }
    expect(body(choice, { email: ' a@b.cn ', sms: '138', wecom: '' })).toEqual({ language: 'en', quiet_hours: false, email: { address: 'a@b.cn', kinds: ['light'] }, sms: { address: '138', kinds: ['*'] } })
    expect(body(choice, { email: '', sms: '', wecom: '' })).toEqual({ language: 'en', quiet_hours: false })
  })
})

describe('the year', () => {
  const listed = [
    { date: '2026-10-01', kind: 'holiday' as const, name: '国庆节', source: '' },
    { date: '2026-10-10', kind: 'workday' as const, name: '调休', source: '' },
  ]
  it('has every day once, weeks from Monday', () => {
    const months = monthsOf(2026, listed)
    const days = months.flatMap((month) => month.weeks.flat()).filter((day) => day)
    expect(days.length).toBe(365)
    expect(months[9]!.weeks[0]!.map((day) => day?.number ?? 0)).toEqual([0, 0, 0, 1, 2, 3, 4])
    expect(workdaysOf(months)).toBe(261) // 261 weekdays, one holiday, one makeup day
    expect(monthsOf(2028, [])[1]!.weeks.flat().filter((day) => day).length).toBe(29)
  })
  it('marks makeup days and holidays', () => {
    expect(dayOf('2026-10-10', listed[1]!)).toMatchObject({ makeup: true, off: false })
    expect(dayOf('2026-10-01', listed[0]!)).toMatchObject({ makeup: false, off: true })
    expect(dayOf('2026-10-03', null)).toMatchObject({ kind: 'weekend', off: false })
  })
  it('ends at its borders', () => {
    expect([moved('2026-12-31', 1), moved('2026-01-03', -7), moved('2026-02-28', 1)]).toEqual([null, null, '2026-03-01'])
  })
})

it('reasons of failed deliveries are said in words', () => {
  expect([reasonWord('smtp_550'), reasonWord('timeout'), reasonWord('odd')]).toEqual(['邮件服务器不收（550）', '对方没有及时应答', 'odd'])
})

it('a role without cases has its own screens or none', () => {
  expect([screensOf('sys_admin', false)[0], screensOf('audit_admin', false), screensOf('leader', true)]).toEqual(['calendar', [], ['board']])
})
