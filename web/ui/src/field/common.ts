/** The categories that this worker reports most, so that one tap is enough. Kept on the phone; codes only. */
import type { Category } from '../shared/types'

const STORE = 'heyun-common'

function counts(): Record<string, number> {
  try {
    return JSON.parse(localStorage.getItem(STORE) ?? '{}') as Record<string, number>
  } catch {
    return {}
  }
}

export function remember(code: string): void {
  if (!code) return
  const known = counts()
  known[code] = (known[code] ?? 0) + 1
  localStorage.setItem(STORE, JSON.stringify(known))
}

/** The three to show: the most reported, filled up with the first category of each of the first groups. */
export function commonCategories(catalogue: readonly Category[], known: Record<string, number> = counts()): string[] {
  const used = Object.entries(known).sort((a, b) => b[1] - a[1]).map(([code]) => code).filter((code) => catalogue.some((one) => one.code === code))
  const firsts = catalogue.filter((one, at) => catalogue.findIndex((other) => other.major === one.major) === at).map((one) => one.code)
  return [...new Set([...used, ...firsts])].slice(0, 3)
}
