import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { mount } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'

import DutyCard from '../src/field/day/DutyCard.vue'
import GpsLine from '../src/field/day/GpsLine.vue'
import { day } from '../src/field/day/store'
import { OUTCOMES, type MyDuty } from '../src/field/day/types'
import { HELP_KINDS, HELPS } from '../src/field/groups/types'
import { useWords } from '../src/shared/i18n'
import zh from '../src/shared/i18n/zh-CN.json'

beforeEach(() => useWords(zh, 'zh-CN'))

const core = (path: string): string => readFileSync(join(__dirname, '../../..', path), 'utf8')
const codes = (text: string): string[] => [...text.matchAll(/"([a-zA-Z_]+)"/g)].map((one) => one[1]!)
const table = (path: string, start: RegExp): string[] => codes(start.exec(core(path))?.[1] ?? '')

describe('codes of the core', () => {
  it('are those that the phone offers', () => {
    expect(HELP_KINDS).toEqual(table('dispatch/wanted.py', /^KINDS = \(([^)]*)\)/m))
    expect(HELPS).toEqual(table('dispatch/wanted.py', /^HELP = \(([^)]*)\)/m))
    expect([...OUTCOMES]).toEqual(table('grid/visits.py', /^Outcome = Literal\[([^\]]*)\]/m))
  })

  it('have words: kinds of groups, grades and outcomes of visits, states of patrols and posts', () => {
    const keys = [
      ...table('grid/groups.py', /^KINDS = \(([^)]*)\)/m).map((one) => `group.kind.${one}`),
      ...table('grid/visits.py', /^Grade = Literal\[([^\]]*)\]/m).map((one) => `house.grade.${one}`),
      ...OUTCOMES.map((one) => `house.outcome.${one}`),
      ...table('grid/patrols.py', /^State = Literal\[([^\]]*)\]/m).map((one) => `patrol.state.${one}`),
      ...['answered', 'declined'].map((one) => `group.fate.${one}`),
    ]
    expect(keys.length).toBe(7 + 4 + 4 + 5 + 2)
    expect(keys.filter((key) => !(key in zh))).toEqual([])
  })
})

describe('duty', () => {
  const grid = { code: 'g', name: '第3网格', level: 'grid' }
  const shown = (duty: MyDuty): string => {
    day.duty = duty
    return mount(DutyCard).text()
  }

  it('says where and for whom', () => {
    const text = shown({ on_duty: true, posts: [{ area: grid, instead_of: null, behind: false }, { area: { ...grid, name: '第4网格' }, instead_of: { username: 'w', name: '王芳' }, behind: false }], replaced_by: [], next_change: null })
    expect(text).toBe('在岗第3网格 · 第4网格（代王芳）')
  })

  it('says who stands in for whoever is away, and since when nobody is there', () => {
    expect(shown({ on_duty: false, posts: [], replaced_by: [{ username: 'l', name: '李明' }], next_change: null })).toBe('休假中由李明代班')
    expect(shown({ on_duty: false, posts: [], replaced_by: [], next_change: null })).toBe('现在不在岗')
    expect(shown({ on_duty: false, posts: [{ area: null, instead_of: null, behind: true }], replaced_by: [], next_change: null })).toBe('现在不在岗全市（替补）')
  })
})

describe('the position', () => {
  const shown = (state: string, accuracy: number | null): string => mount(GpsLine, { props: { state: state as 'good', accuracy, without: '上报照常。' } }).text()

  it('is told plainly: how rough it is, that there is none, and what still works', () => {
    expect(shown('good', 8)).toBe('定位误差 8 米')
    expect(shown('rough', 320)).toContain('误差太大')
    expect(shown('denied', null)).toContain('没有定位权限')
    expect(shown('denied', null)).toContain('上报照常。')
    expect(shown('none', null)).toContain('定位不可用')
  })
})
