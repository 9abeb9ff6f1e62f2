/** A patrol as its worker sees it on the phone: with what is done but not yet sent; what comes next. Pure. */
import { metresBetween } from '../../shared/words'
import type { Deed } from './deeds'
import type { CheckPoint, Patrol } from './types'

/** The patrol as it will be once what waits on the phone is with the service. What was refused changes nothing. */
export function withDeeds(patrol: Patrol, deeds: readonly Deed[]): Patrol {
  const out: Patrol = { ...patrol, visits: [...patrol.visits] }
  for (const deed of deeds.filter((one) => one.state !== 'fix')) {
    if (deed.kind === 'start' && !out.started_at) Object.assign(out, { state: 'walking', started_at: deed.at })
    if (deed.kind === 'end' && !out.ended_at) Object.assign(out, { state: 'ended', ended_at: deed.at })
    const point = deed.kind === 'point' ? String(deed.body.point) : ''
    if (point && !out.visits.some((one) => one.point === point)) out.visits.push({ point, at: deed.at, photos: [], distance_m: 0 })
  }
  return out
}

export const isVisited = (patrol: Patrol, point: string): boolean => patrol.visits.some((one) => one.point === point)
export const visitedCount = (patrol: Patrol): number => patrol.points.filter((one) => isVisited(patrol, one.id)).length

/** Whole minutes from the start to the end, or to now while it is walked. */
export function minutesOf(patrol: Patrol, now: number): number {
  if (!patrol.started_at) return 0
  const end = patrol.ended_at ? Date.parse(patrol.ended_at) : Math.min(now, Date.parse(patrol.closes_at))
  return Math.max(0, Math.floor((end - Date.parse(patrol.started_at)) / 60_000))
}

/** Whole minutes that the shift lasts. */
export const shiftMinutes = (patrol: Patrol): number => Math.round((Date.parse(patrol.ends_at) - Date.parse(patrol.begins_at)) / 60_000)

export interface Near {
  point: CheckPoint
  metres: number | null
  visited: boolean
}
/** The check points, those still to be seen first, the nearest of them first where the phone knows where it is. */
export function nearest(patrol: Patrol, here: { lon: number; lat: number } | null): Near[] {
  const found = patrol.points.map((point) => ({ point, metres: here ? Math.round(metresBetween(here, point)) : null, visited: isVisited(patrol, point.id) }))
  return found.sort((a, b) => Number(a.visited) - Number(b.visited) || (a.metres ?? 0) - (b.metres ?? 0))
}

const ORDER: Record<Patrol['state'], number> = { walking: 0, planned: 1, ended: 2, missed: 3, cancelled: 4 }
/** What is walked now, then what is still to come, then what is over; each by its time. */
export function ordered(patrols: readonly Patrol[]): Patrol[] {
  return [...patrols].sort((a, b) => ORDER[a.state] - ORDER[b.state] || a.begins_at.localeCompare(b.begins_at))
}
