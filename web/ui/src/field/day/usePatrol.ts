/** One patrol: loaded, shown with what waits on the phone, and what its worker does on it. */
import { computed, ref } from 'vue'

import { get, newKey, Problem } from '../../shared/api'
import { serverNow } from '../../shared/time'
import type { Position } from '../outbox'
import { act, deedsAbout, flushDeeds, whyOf, type NewDeed } from './deeds'
import { day, followWalked, takePatrol } from './store'
import { flushTrack, takeLast } from './track'
import type { CheckPoint, Patrol } from './types'
import { withDeeds } from './walk'

const placed = (at: Position): Record<string, unknown> => ({ lon: at.lon, lat: at.lat, crs: 'WGS-84', accuracy_m: at.accuracy })

export function usePatrol(id: string) {
  const about = `patrol/${id}`
  const problem = ref<Problem | null>(null)
  const failure = ref('')
  const busy = ref(false)
  const deeds = computed(() => deedsAbout(about))
  const known = computed(() => day.patrols.find((one) => one.id === id) ?? null)
  const patrol = computed(() => (known.value ? withDeeds(known.value, deeds.value) : null))

  /** Fetch it, with what its track shows by now. */
  async function load(): Promise<void> {
    try {
      takePatrol(await get<Patrol>(`/patrols/${id}`))
      problem.value = null
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      problem.value = error
    }
  }

  /** Send what waits, and what the phone has seen of the way. */
  async function sync(): Promise<void> {
    await flushDeeds()
    await flushTrack()
    await load()
  }

  /** Do it now, or keep it until there is a network; false when the service refused it (`failure` says why). */
  async function done(deed: Omit<NewDeed, 'key' | 'about' | 'at'>): Promise<boolean> {
    busy.value = true
    failure.value = ''
    const at = new Date(serverNow()).toISOString()
    try {
      const after = await act<Patrol>({ ...deed, key: newKey(), about, at, body: { ...deed.body, at } })
      if (after) takePatrol(after)
      else followWalked()
      return true
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      failure.value = whyOf(error)
      return false
    } finally {
      busy.value = false
    }
  }
  const name = (): string => known.value?.name ?? ''
  const start = (at: Position): Promise<boolean> => done({ kind: 'start', title: name(), path: `/patrols/${id}:start`, body: { location: placed(at) }, photos: [] })
  const visit = (point: CheckPoint, at: Position, photos: Blob[]): Promise<boolean> =>
    done({ kind: 'point', title: point.name, path: `/patrols/${id}/visits`, body: { point: point.id, location: placed(at) }, photos })
  async function end(): Promise<boolean> {
    await takeLast()
    await flushTrack()
    const ended = await done({ kind: 'end', title: name(), path: `/patrols/${id}:end`, body: {}, photos: [] })
    if (ended) await sync()
    return ended
  }
  return { patrol, deeds, problem, failure, busy, load, sync, start, visit, end }
}
