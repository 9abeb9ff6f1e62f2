import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import en from '../src/shared/i18n/en.json'
import zh from '../src/shared/i18n/zh-CN.json'
import { t, useWords, word } from '../src/shared/i18n'

const SRC = join(__dirname, '../src')
const files = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? files(path) : [path]
  })
const sources = files(SRC).filter((path) => /\.(vue|ts)$/.test(path) && !path.includes('/src/public/')).map((path) => readFileSync(path, 'utf8')).join('\n')

const core = (name: string): string => readFileSync(join(__dirname, '../../../dispatch', name), 'utf8')
const rows = readdirSync(join(__dirname, '../../../dispatch/rows')).filter((name) => name.endsWith('.py')).flatMap((name) => core(`rows/${name}`).split('Transition(').slice(1))

describe('the catalogues', () => {
  it('hold the same keys in both languages', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort())
  })

  it('hold the same values to fill in, and no empty words', () => {
    const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]!).sort()
    for (const [key, text] of Object.entries(zh)) {
      expect([key, holes((en as Record<string, string>)[key]!)]).toEqual([key, holes(text)])
      expect(text.trim(), key).not.toBe('')
    }
  })

  it('hold every key that the screens name', () => {
    const named = [...sources.matchAll(/\bt\(\s*'([a-z_]+\.[a-z_A-Z0-9.]+)'/g)].map((found) => found[1]!)
    const chosen = [...sources.matchAll(/\? '([a-z]+\.[a-z_]+)' : '([a-z]+\.[a-z_]+)'/g)].flatMap((found) => [found[1]!, found[2]!])
    const missing = [...new Set([...named, ...chosen])].filter((key) => !(key in zh))
    expect(missing).toEqual([])
  })

  it('name no action of the table by its code', () => {
    const actions = rows.flatMap((row) => /action="([a-z_]+)"/.exec(row)?.[1] ?? [])
    const offered = rows.filter((row) => !row.includes('offered=False')).flatMap((row) => /action="([a-z_]+)"/.exec(row)?.[1] ?? [])
    expect(offered.length).toBeGreaterThan(40)
    expect(offered.filter((action) => !(`action.${action}` in zh))).toEqual([])
    expect(actions.filter((action) => !(`act.${action}` in zh))).toEqual([])
  })
})

describe('codes of the core', () => {
  it('have words: states, options and fields of the table', () => {
    const options = [...core('fields.py').matchAll(/^[A-Z_]+ = \(([^)]*)\)/gm)].flatMap((found) => [...found[1]!.matchAll(/"([a-z_0-9]+)"/g)].map((one) => one[1]!))
    const fields = [...rows.join('').matchAll(/(?:name=|text\(|choice\()"([a-z_]+)"/g)].map((found) => found[1]!)
    const states = [...(/^STATES = \(([^)]*)\)/m.exec(core('transition.py'))?.[1] ?? '').matchAll(/"([a-z_]+)"/g)].map((found) => found[1]!)
    expect(options.length * fields.length * states.length).toBeGreaterThan(0)
    expect([...options.map((one) => (`urgency.${one}` in zh ? `urgency.${one}` : `option.${one}`)), ...fields.map((one) => `field.${one}`), ...states.map((one) => `state.${one}`)].filter((key) => !(key in zh))).toEqual([])
  })
})

describe('t and word', () => {
  it('fill in values and fall back to the code', () => {
    useWords({ 'a.b': '剩 {n} 分' }, 'zh-CN')
    expect(t('a.b', { n: 7 })).toBe('剩 7 分')
    expect(t('a.c')).toBe('a.c')
    expect(word('a', 'x')).toBe('x')
    expect(word('a', null, '无')).toBe('无')
  })
})
