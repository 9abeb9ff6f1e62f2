/** My day as the API sends it: duty, patrols, visits; what a screen does not use is left out. */
import type { AreaRef } from '../../shared/types'

export interface Colleague {
  username: string
  name: string
}
export interface MyDuty {
  on_duty: boolean
  posts: { area: AreaRef | null; instead_of: Colleague | null; behind: boolean }[]
  replaced_by: Colleague[]
  next_change: string | null
}
export interface CheckPoint {
  id: string
  name: string
  lon: number
  lat: number
  photo: boolean
  key: boolean
}
export interface Measured {
  minutes: number
  tracked_minutes: number
  fixes: number
  inside_share: number | null
  valid: boolean
  distance_m: number
}
export interface Patrol {
  id: string
  name: string
  state: 'planned' | 'walking' | 'ended' | 'missed' | 'cancelled'
  worker: string
  areas: string[]
  begins_at: string
  ends_at: string
  closes_at: string
  points: CheckPoint[]
  visits: { point: string; at: string; photos: string[]; distance_m: number }[]
  started_at: string | null
  ended_at: string | null
  track: Measured | null
}
export interface VisitPlace {
  id: string
  area_code: string
  grade: 'red' | 'yellow' | 'green' | 'plain'
  address: string
  lon: number | null
  lat: number | null
  note: string
  visited_at: string | null
  due_on: string
  days_over: number
}
export interface VisitMade {
  id: string
  by: string
  at: string
  outcome: string
  note: string
  case: string | null
}
export const OUTCOMES = ['seen', 'absent', 'refused', 'moved'] as const
