/** The page's own few words, in both languages at once: plainer than the desk's, and small enough for an old phone. */
import { ref } from 'vue'

import en from './en.json'
import zh from './zh-CN.json'

export type Locale = 'zh-CN' | 'en'
type Words = Record<string, string>

const STORE = 'heyun-locale'
const words: Record<Locale, Words> = { 'zh-CN': zh, en }
export const locale = ref<Locale>('zh-CN')

function show(to: Locale): void {
  locale.value = to
  document.documentElement.lang = to
  document.title = t('title')
}

/** Speak another language from now on; what was typed stays. */
export function setLocale(to: Locale): void {
  show(to)
  try {
    localStorage.setItem(STORE, to)
  } catch {
    return // storage is closed in some private windows: the choice then lasts as long as the page
  }
}

/** Chinese, unless somebody chose English here before. */
export function startLocale(): void {
  let stored: string | null = null
  try {
    stored = localStorage.getItem(STORE)
  } catch {
    stored = null
  }
  show(stored === 'en' ? 'en' : 'zh-CN')
}

/** The words for `key` with `{name}` replaced; the key itself where a word is missing, so that a gap is seen. */
export function t(key: string, values: Record<string, string | number> = {}): string {
  const text = words[locale.value][key] ?? key
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** Grades from very good to very poor, to choose from. */
export const scores = (): { value: string; text: string }[] => ['5', '4', '3', '2', '1'].map((value) => ({ value, text: t(`score.${value}`) }))

/** 11月24日 15:42 in the city's zone; with the year where it is another one. */
export function day(value: string, now: Date = new Date()): string {
  const at = new Date(value)
  const year = at.getFullYear() === now.getFullYear() ? undefined : 'numeric'
  const options: Intl.DateTimeFormatOptions = { year, month: 'long', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
  return new Intl.DateTimeFormat(locale.value, { timeZone: 'Asia/Shanghai', ...options }).format(at)
}
