/** Words of the interface: `t('key', {name})`. One language's words are loaded at a time; switching keeps every form as it is. */
import { ref } from 'vue'

export type Locale = 'zh-CN' | 'en'
type Words = Record<string, string>

const STORE = 'heyun-locale'
const loaders: Record<Locale, () => Promise<{ default: Words }>> = {
  'zh-CN': () => import('./zh-CN.json'),
  en: () => import('./en.json'),
}
const words = ref<Words>({})
export const locale = ref<Locale>('zh-CN')

/** Load the words of `to`, remember the choice and set the page's language. */
export async function setLocale(to: Locale): Promise<void> {
  words.value = (await loaders[to]()).default
  locale.value = to
  document.documentElement.lang = to
  try {
    localStorage.setItem(STORE, to)
  } catch {
    return // storage is closed in some private windows: the choice then lasts as long as the page
  }
}

/** Load the language chosen before, else the browser's. */
export async function startLocale(): Promise<void> {
  const stored = localStorage.getItem(STORE)
  await setLocale(stored === 'en' || stored === 'zh-CN' ? stored : navigator.language.startsWith('en') ? 'en' : 'zh-CN')
}

/** Use these words at once (tests and first paint). */
export function useWords(table: Words, as: Locale): void {
  words.value = table
  locale.value = as
}

export function has(key: string): boolean {
  return key in words.value
}

/** The words for `key` with `{name}` replaced and `{n|day|days}` chosen by number; the key itself where a word is missing, so that a gap is seen. */
export function t(key: string, values: Record<string, string | number> = {}): string {
  const text = words.value[key] ?? key
  return text
    .replace(/\{(\w+)\|([^|}]*)\|([^}]*)\}/g, (_, name: string, one: string, more: string) => (Number(values[name]) === 1 ? one : more))
    .replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** The words for `prefix.code`, or `fallback` (else the code) for a code that the interface does not know. */
export function word(prefix: string, code: string | null | undefined, fallback?: string): string {
  if (!code) return fallback ?? ''
  const key = `${prefix}.${code}`
  return has(key) ? t(key) : (fallback ?? code)
}

/** Join the parts that are there with the middle dot of the look. */
export function dot(...parts: (string | null | undefined | false)[]): string {
  return parts.filter(Boolean).join(' · ')
}
