/** Times as the interface says them: what is left, and the moment itself, in the city's zone. */
import { onScopeDispose, ref } from 'vue'

import { locale, t } from './i18n'

export const zone = ref('Asia/Shanghai')
let ahead = 0 // how far the server's clock is ahead of this machine's, in milliseconds

/** Learn the server's clock from a `Date` header; small differences (its whole seconds) are ignored. */
export function learnClock(header: string | null): void {
  const server = header ? Date.parse(header) : NaN
  if (Number.isNaN(server)) return
  const difference = server - Date.now()
  ahead = Math.abs(difference) > 2_000 ? difference : 0
}

export function serverNow(): number {
  return Date.now() + ahead
}

/** The server's time in milliseconds, ticking each second; one timer for the whole page. */
const now = ref(serverNow())
let users = 0
let timer = 0
export function useNow(): typeof now {
  now.value = serverNow()
  if (users++ === 0) timer = window.setInterval(() => (now.value = serverNow()), 1000)
  onScopeDispose(() => {
    if (--users === 0) window.clearInterval(timer)
  })
  return now
}

export interface Remaining {
  late: boolean
  days: number
  hours: number
  minutes: number
  seconds: number
}

/** Split what is left until `due` (or how far past it is) into whole units; exactly at `due` nothing is left and nothing late. */
export function remaining(due: number, at: number): Remaining {
  const seconds = Math.floor(Math.abs(due - at) / 1000)
  return {
    late: at > due,
    days: Math.floor(seconds / 86_400),
    hours: Math.floor((seconds % 86_400) / 3600),
    minutes: Math.floor((seconds % 3600) / 60),
    seconds: seconds % 60,
  }
}

/** 2 天 4 时 · 2 时 20 分 · 48 分: the two largest units, never seconds; under a minute it is 1 分. */
export function amount(left: Remaining): string {
  if (left.days > 0) {
    const days = t('time.days', { n: left.days })
    return left.days < 3 && left.hours > 0 ? `${days} ${t('time.hours', { n: left.hours })}` : days
  }
  if (left.hours > 0) {
    const hours = t('time.hours', { n: left.hours })
    return left.minutes > 0 ? `${hours} ${t('time.minutes', { n: left.minutes })}` : hours
  }
  return t('time.minutes', { n: Math.max(1, left.minutes) })
}

/** 剩 2 时 20 分, 超 4 分 */
export function leftText(due: number, at: number): string {
  const left = remaining(due, at)
  return t(left.late ? 'time.over' : 'time.left', { amount: amount(left) })
}

function part(at: number, options: Intl.DateTimeFormatOptions, tag: string = locale.value): string {
  return new Intl.DateTimeFormat(tag, { timeZone: zone.value, ...options }).format(at)
}

function dayNumber(at: number): number {
  const [year, month, day] = part(at, { year: 'numeric', month: '2-digit', day: '2-digit' }, 'en-CA').split('-').map(Number)
  return Math.round(Date.UTC(year!, month! - 1, day!) / 86_400_000)
}

export function clockText(at: number | string): string {
  return part(typeof at === 'string' ? Date.parse(at) : at, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, 'en-GB')
}

/** 今天 17:00 · 昨天 09:10 · 11-26 周四 17:00 · 2027-03-31 17:00 */
export function moment(value: string | number | null | undefined, at: number = serverNow()): string {
  if (value === null || value === undefined || value === '') return ''
  const when = typeof value === 'number' ? value : Date.parse(value)
  const clock = clockText(when)
  const days = dayNumber(when) - dayNumber(at)
  if (days === 0) return `${t('time.today')} ${clock}`
  if (days === 1) return `${t('time.tomorrow')} ${clock}`
  if (days === -1) return `${t('time.yesterday')} ${clock}`
  const date = part(when, { year: 'numeric', month: '2-digit', day: '2-digit' }, 'en-CA')
  if (date.slice(0, 4) !== part(at, { year: 'numeric' }, 'en-CA')) return `${date} ${clock}`
  return `${date.slice(5)} ${part(when, { weekday: 'short' })} ${clock}`
}

/** 11-30, or 2027-03-31 in another year: a day without its hour. */
export function dayOf(value: string, at: number = serverNow()): string {
  const date = (when: number): string => part(when, { year: 'numeric', month: '2-digit', day: '2-digit' }, 'en-CA')
  const day = date(Date.parse(value))
  return day.slice(0, 4) === date(at).slice(0, 4) ? day.slice(5) : day
}

/** The group of a clerk's list that the due time belongs to. */
export function dueGroup(due: string | null, at: number): 'overdue' | 'today' | 'later' | 'none' {
  if (!due) return 'none'
  const when = Date.parse(due)
  if (when < at) return 'overdue'
  return dayNumber(when) <= dayNumber(at) ? 'today' : 'later'
}

/** Seconds as 9:42 (or 1:02:07): the countdown of the open case in its last hour. */
export function digits(left: Remaining): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const hours = left.days * 24 + left.hours
  return hours > 0 ? `${hours}:${two(left.minutes)}:${two(left.seconds)}` : `${left.minutes}:${two(left.seconds)}`
}
