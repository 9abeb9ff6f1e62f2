/** How a case is put into words: title, place, status, reasons. Pure; the words come from the catalogue. */
import { dot, has, locale, t, word } from './i18n'
import type { Case, CaseTask, Category, Clock, Entry, JointStep, Light, User } from './types'

/** The four lights, the ring of what has not begun, the ring of what is paused; by the letter of its style class. */
export function lightClass(light: Light | string | null | undefined): 'g' | 'y' | 'd' | 'p' | 'n' | 'z' {
  const classes: Record<string, 'g' | 'y' | 'd' | 'p' | 'z'> = { green: 'g', yellow: 'y', red: 'd', deep_red: 'p', paused: 'z' }
  return classes[light ?? ''] ?? 'n'
}

export function lightWord(light: Light | string | null | undefined): string {
  return t(`light.${lightClass(light)}`)
}

const ENDED = new Set(['closed', 'archived', 'answered', 'refused', 'cancelled', 'merged', 'transferred'])
const HELD = new Set(['dispatched', 'handling', 'suspended', 'handled', 'checking', 'visiting'])
const PAUSED = new Set(['suspended', 'coordinating'])

export function isOpen(state: string): boolean {
  return !ENDED.has(state)
}

/** Whether a unit answers for the case, so that it can be urged. */
export function isHeld(state: string): boolean {
  return HELD.has(state)
}

/** The light to show: a paused case has its own sign. */
export function shownLight(item: Pick<Case, 'light' | 'state' | 'todo'>): string {
  return PAUSED.has(item.state) ? 'paused' : lightOf(item)
}

/** The clock that runs now in this state, which is what the people who hold the case must keep. */
export function runningClock(item: Pick<Case, 'clocks' | 'state' | 'due_at'>): Clock | null {
  const kinds: Record<string, string> = {
    reported: 'intake', verifying: 'verify', filed: 'dispatch', dispatched: 'sign_in', handled: 'review', checking: 'check', visiting: 'visit', handling: 'case',
    coordinating: 'decide_coordination', suspended: 'suspended_progress', transferred: 'receipt',
  }
  const wanted = kinds[item.state]
  const open = (item.clocks ?? []).filter((clock) => !clock.done_at && clock.due_at)
  return open.find((clock) => clock.kind === wanted) ?? open.find((clock) => clock.kind === 'case') ?? open[0] ?? null
}

/** When the holder of the case must be done: the running clock's due time; after its end that of what is still to be done; else the case's. */
export function dueOf(item: Pick<Case, 'clocks' | 'state' | 'due_at' | 'todo'>): string | null {
  return runningClock(item)?.due_at ?? item.todo?.at ?? item.due_at ?? null
}

/** The light of what somebody must keep now: a case that has ended stands by what is still to be done about it. */
export function lightOf(item: Pick<Case, 'light' | 'todo'>): string {
  return item.todo ? (Date.parse(item.todo.at) < Date.now() ? 'red' : 'green') : item.light
}

/** Whether somebody still has to do something about it in time: an open case, or one that is outside and has not been answered. */
export function isAwaited(item: Pick<Case, 'clocks' | 'state' | 'due_at'>): boolean {
  return isOpen(item.state) || (item.state === 'transferred' && !!runningClock(item))
}

const ON_SITE = ['arrive', 'first_report', 'next_report', 'safe']
/** The newest clock of each thing that is waited for on the scene, the signature first; a report that was followed by another is past. Nobody came for
 *  what goes on with another case. */
export function sceneClocks(item: Pick<Case, 'clocks'> & { state?: string }): Clock[] {
  const clocks = item.clocks ?? []
  if (item.state === 'merged' || !clocks.some((clock) => ON_SITE.includes(clock.kind))) return []
  const newest = ['sign_in', ...ON_SITE].map((kind) => clocks.filter((clock) => clock.kind === kind).at(-1))
  return newest.filter((clock): clock is Clock => !!clock && !(clock.kind === 'next_report' && clock.done_at))
}

/** The time of the case that stands still since it was suspended or put before the supervisor, if it does. */
export function pausedClock(item: Pick<Case, 'clocks'>): Clock | null {
  return (item.clocks ?? []).find((clock) => clock.kind === 'case' && clock.paused_at) ?? null
}

/** 办结时限已停，还剩 12 工作时: what is left is counted time, so working hours where the limit counts those. */
export function pausedText(clock: Clock): string {
  const hours = Math.max(0, Math.ceil((clock.left_seconds ?? 0) / 3600))
  return t('due.paused', { left: t(/^\d+w/.test(clock.limit ?? '') ? 'limit.wh' : 'limit.h', { n: hours }) })
}

/** Offered to nobody but whoever has the task; a clerk who acts for many units is known by these. */
const OWN = new Set(['task_sign', 'task_submit', 'task_object', 'arrive', 'claim', 'decline', 'serve'])
/** The tasks that are this person's own beside the lead's: their unit's, their organization's, or of a unit they act for. */
export function ownTasks(item: Pick<Case, 'tasks'>, user: Pick<User, 'unit' | 'organization'> | null): CaseTask[] {
  const organization = typeof user?.organization === 'string' ? user.organization : user?.organization?.code
  const mine = (task: CaseTask): boolean =>
    !!task.actions?.some((one) => OWN.has(one.name)) || (task.kind === 'org' ? !!organization && (organization === '*' || organization === task.organization?.code) : !!user?.unit && task.unit?.code === user.unit.code)
  return (item.tasks ?? []).filter((task) => task.kind !== 'lead' && mine(task))
}

/** The name in the language that is read, where there is one. */
export function namedHere(item: { name: string; name_en?: string }): string {
  return locale.value === 'en' && item.name_en ? item.name_en : item.name
}

export const areaName = namedHere

/** The two narrowest levels that help to find the place; for a sensitive case only down to the township. */
export function placeLine(item: Pick<Case, 'area_path' | 'location' | 'sensitive'>): string {
  const path = (item.area_path ?? []).filter((area) => area.level !== 'city' && area.level !== 'grid')
  if (item.sensitive) return path.filter((area) => area.level !== 'community').slice(-1).map(areaName).join('')
  const names = path.slice(-2).map(areaName).join(' ')
  return dot(names, item.location?.address ?? '')
}

/** The steps of a template that are done together, one round after the other. */
export function rounds(steps: readonly JointStep[]): JointStep[][] {
  const numbers = [...new Set(steps.map((one) => one.step))].sort((a, b) => a - b)
  return numbers.map((number) => steps.filter((one) => one.step === number))
}

/** The group of a category; English has no names for groups. */
export function majorName(category: Pick<Category, 'major' | 'major_name'>): string {
  return locale.value === 'en' ? '' : (category.major_name || category.major || '')
}

export function categoryName(category: (Pick<Category, 'code' | 'name'> & { name_en?: string }) | null | undefined): string {
  if (!category) return t('case.no_category')
  return locale.value === 'en' && category.name_en ? category.name_en : category.name
}

/** The short line of a case (what · where) with the English name of its category where English is read. */
export function lineOf(line: string, list: readonly Category[]): string {
  if (locale.value !== 'en') return line
  const [what = '', ...where] = line.split(' · ')
  const known = list.find((one) => one.name === what)
  return dot(known ? categoryName(known) : what, ...where)
}

/** 暴露垃圾 · 夜市散场后成堆: the category and the first words of what was said. */
export function titleOf(item: Pick<Case, 'title' | 'category' | 'description'>): string {
  const own = item.title && !item.description.startsWith(item.title.replace(/…$/, ''))
  if (own) return item.title!
  const words = (item.description ?? '').split(/[,，。;；!！\n]/)[0]!.trim()
  const said = words.length > 24 ? `${words.slice(0, 24)}…` : words
  if (!item.category) return said || categoryName(null)
  return dot(categoryName(item.category), said.endsWith(item.category.name) ? '' : said)
}

/** `boundary:14:520103002` → 落点距界 14 米; an unknown reason is shown as it is. */
export function doubtWord(doubt: string): string {
  const [kind = '', figure = ''] = doubt.split(':')
  const key = `doubt.${kind}_n`
  return figure && has(key) ? t(key, { n: figure }) : word('doubt', kind)
}

export function actorName(actor: Entry['actor'] | null | undefined): string {
  return actor ? actor.name || word('role', actor.role) : ''
}

/** The names of the parties of a case by code, for entries that hold codes only. */
export function partyNames(item: Case): Record<string, string> {
  const units = [item.lead, ...item.assists, ...(item.tasks ?? []).map((task) => task.unit ?? task.organization), ...(item.match?.candidates ?? []).map((one) => one.unit), ...(item.match?.assists ?? []), ...item.organizations]
  return Object.fromEntries(units.filter((one) => !!one).map((one) => [one.code, one.name]))
}

export function distance(metres: number | null | undefined): string {
  if (metres === null || metres === undefined) return ''
  return metres < 1000 ? t('unit.metres', { n: Math.round(metres) }) : t('unit.km', { n: (metres / 1000).toFixed(1) })
}

/** `2wh` → 2 工作时 */
export function limitWord(limit: string | null | undefined): string {
  const found = /^(\d+)(m|h|wh|wd|d)$/.exec(limit ?? '')
  return found ? t(`limit.${found[2]}`, { n: found[1]! }) : (limit ?? '')
}

/** Metres between two points in degrees, on a sphere of 6,371 km (good to 0.5 %). */
export function metresBetween(a: { lon: number; lat: number }, b: { lon: number; lat: number }): number {
  const rad = Math.PI / 180
  const dLat = (b.lat - a.lat) * rad
  const dLon = (b.lon - a.lon) * rad
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(dLon / 2) ** 2
  return 2 * 6_371_000 * Math.asin(Math.sqrt(h))
}
