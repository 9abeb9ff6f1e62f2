import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { beforeEach, describe, expect, it } from 'vitest'

import en from '../src/public/en.json'
import { day, locale, setLocale, startLocale, t } from '../src/public/words'
import zh from '../src/public/zh-CN.json'

const PAGE = join(__dirname, '../src/public')
const core = (name: string): string => readFileSync(join(__dirname, '../../../dispatch', name), 'utf8')
const quoted = (text: string): string[] => [...text.matchAll(/"([a-z_]+)"/g)].map((found) => found[1]!)
const sources = readdirSync(PAGE).filter((name) => /\.(vue|ts)$/.test(name)).map((name) => readFileSync(join(PAGE, name), 'utf8')).join('\n')

beforeEach(() => localStorage.clear())

describe('the words of the public page', () => {
  it('are the same keys with the same values to fill in, in both languages', () => {
    const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]!).sort()
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort())
    for (const [key, text] of Object.entries(zh)) {
      expect([key, holes((en as Record<string, string>)[key]!)]).toEqual([key, holes(text)])
    }
  })

  it('are there for every key that the page names', () => {
    const named = [...sources.matchAll(/'([a-z]+(?:\.[a-z_]+)+|again|answered|nothing|loading|hotline|language|title)'/g)].map((found) => found[1]!)
    expect(named.length).toBeGreaterThan(30)
    expect([...new Set(named)].filter((key) => !key.endsWith('.vue') && !(key in zh))).toEqual([])
  })

  it('are there for the states, steps and grades of the core', () => {
    const states = quoted(/^STATES = \(([^)]*)\)/m.exec(core('transition.py'))![1]!)
    const steps = quoted(/^STEPS = frozenset\(\s*\{([^}]*)\}/m.exec(core('plain.py'))![1]!)
    const grades = quoted(/^SATISFACTION = \(([^)]*)\)/m.exec(core('fields.py'))![1]!).filter((grade) => grade !== 'unrated')
    expect(Math.min(states.length, steps.length, grades.length)).toBeGreaterThan(4)
    const wanted = [...states.map((code) => `state.${code}`), ...steps.map((code) => `step.${code}`), ...grades.map((code) => `grade.${code}`)]
    expect(wanted.filter((key) => !(key in zh))).toEqual([])
  })

  it('are Chinese at first and English once that was chosen', () => {
    startLocale()
    expect([locale.value, document.documentElement.lang, document.title]).toEqual(['zh-CN', 'zh-CN', zh.title])
    setLocale('en')
    startLocale()
    expect([locale.value, document.title, t('case.no', { no: 7 })]).toEqual(['en', en.title, 'Ticket 7'])
    setLocale('zh-CN')
  })

  it('say a moment in the zone of the city', () => {
    const now = new Date('2026-12-01T00:00:00Z')
    expect(day('2026-11-24T07:42:00Z', now)).toBe('11月24日 15:42')
    expect(day('2025-11-24T07:42:00Z', now)).toContain('2025')
  })
})
