/** Where the phone is: the best position so far, with its accuracy in metres. */
import { onUnmounted, ref } from 'vue'

import type { Position } from './outbox'

export type GpsState = 'asking' | 'good' | 'rough' | 'denied' | 'none'
export interface Fix {
  lon: number
  lat: number
  accuracy: number
}
const GOOD_M = 30

/** Tell every position and every change of state until the returned function is called. */
export function watchPosition(onFix: (found: Fix) => void, onState: (state: GpsState) => void): () => void {
  if (!('geolocation' in navigator)) {
    onState('none')
    return () => undefined
  }
  let known: GpsState = 'asking'
  const tell = (state: GpsState): void => onState((known = state))
  tell('asking')
  const watcher = navigator.geolocation.watchPosition(
    (found) => {
      const { longitude, latitude, accuracy } = found.coords
      tell(accuracy <= GOOD_M ? 'good' : 'rough')
      onFix({ lon: Number(longitude.toFixed(6)), lat: Number(latitude.toFixed(6)), accuracy: Math.round(accuracy) })
    },
    (error) => {
      if (error.code === error.PERMISSION_DENIED) tell('denied')
      else if (known === 'asking') tell('none')
    },
    { enableHighAccuracy: true, maximumAge: 5_000, timeout: 15_000 },
  )
  return () => navigator.geolocation.clearWatch(watcher)
}

/** Watch the position while the component lives. */
export function useGps() {
  const position = ref<Position | null>(null)
  const state = ref<GpsState>('asking')
  let stop: () => void = () => undefined

  function start(): void {
    stop()
    stop = watchPosition((found) => (position.value = { ...found, source: 'gps' }), (found) => (state.value = found))
  }
  start()
  onUnmounted(() => stop())
  return { position, state, again: start }
}
