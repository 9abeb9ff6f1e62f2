/** Positions of the patrol that is walked: one about every half minute, kept on the phone until the service has them, and taken
 *  at no other time. */
import { computed, reactive } from 'vue'

import { post, Problem } from '../../shared/api'
import { dropDraft, loadDraft, saveDraft } from '../../shared/draft'
import { session } from '../../shared/session'
import { serverNow } from '../../shared/time'
import { watchPosition, type Fix, type GpsState } from '../gps'
import { whyOf } from './deeds'

interface TrackFix {
  at: string
  lon: number
  lat: number
  accuracy_m: number
}
const EVERY_MS = 30_000
const MOST = 500
const STORE = 'tracks'

export const track = reactive({ patrol: '', state: 'asking' as GpsState, here: null as Fix | null, kept: {} as Record<string, TrackFix[]>, stuck: false, wrong: '' })
/** Phones are lent: what one has walked is never sent as another. */
const mine = (patrol: string): string => `${session.user?.username ?? ''}/${patrol}`
export const unsentFixes = computed(() => track.kept[mine(track.patrol)]?.length ?? 0)

let stop: (() => void) | null = null
let last = 0
let loaded: Promise<void> | null = null

export function loadTrack(): Promise<void> {
  loaded ??= loadDraft<Record<string, TrackFix[]>>(STORE).then((kept) => void (track.kept = { ...kept, ...track.kept }))
  return loaded
}

async function store(): Promise<void> {
  const full = Object.entries(track.kept).filter(([, fixes]) => fixes.length)
  if (full.length) await saveDraft(STORE, Object.fromEntries(full.map(([id, fixes]) => [id, fixes.map((one) => ({ ...one }))])))
  else await dropDraft(STORE)
}

async function take(found: Fix, force = false): Promise<void> {
  const now = serverNow()
  if (!track.patrol || (!force && now - last < EVERY_MS)) return
  last = now
  const fix = { at: new Date(now).toISOString(), lon: found.lon, lat: found.lat, accuracy_m: found.accuracy }
  const place = mine(track.patrol)
  track.kept[place] = [...(track.kept[place] ?? []), fix]
  await store()
}

/** Take positions for this patrol from now on; the first one at once. Again for the same patrol it goes on. */
export function follow(patrol: string): void {
  if (track.patrol === patrol && stop) return
  unfollow()
  track.patrol = patrol
  last = 0
  stop = watchPosition((found) => {
    track.here = found
    void take(found)
  }, (state) => (track.state = state))
}

/** Take no more positions. */
export function unfollow(): void {
  stop?.()
  stop = null
  track.patrol = ''
  track.here = null
}

/** The last position of a patrol, taken as it ends. */
export async function takeLast(): Promise<void> {
  if (track.here) await take(track.here, true)
}

let flushing = false
/** Send what is kept; what comes too late for its patrol is dropped, and said. */
export async function flushTrack(): Promise<void> {
  if (flushing) return
  flushing = true
  try {
    await loadTrack()
    for (const place of Object.keys(track.kept)) if (place.startsWith(mine(''))) await flushOne(place)
  } finally {
    flushing = false
  }
}

async function flushOne(place: string): Promise<void> {
  while (track.kept[place]?.length) {
    const batch = track.kept[place].slice(0, MOST)
    try {
      await post(`/patrols/${place.slice(mine('').length)}/points`, { crs: 'WGS-84', points: batch })
      track.stuck = false
      track.wrong = ''
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      track.stuck = error.retryable || error.code === 'patrol_state' // no network, or clocking in is not yet sent
      if (track.stuck) return
      track.wrong = whyOf(error)
    }
    track.kept[place] = track.kept[place].slice(batch.length)
    await store()
  }
}
