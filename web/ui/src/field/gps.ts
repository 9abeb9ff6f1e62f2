/** Where the phone is: the best position so far, with its accuracy in metres. */
import { onUnmounted, ref } from 'vue'

import type { Position } from './outbox'

export type GpsState = 'asking' | 'good' | 'rough' | 'denied' | 'none'
const GOOD_M = 30

/** Watch the position while the component lives. */
export function useGps() {
  const position = ref<Position | null>(null)
  const state = ref<GpsState>('asking')
  let watcher = 0

  function start(): void {
    if (!('geolocation' in navigator)) {
      state.value = 'none'
      return
    }
    state.value = 'asking'
    watcher = navigator.geolocation.watchPosition(
      (found) => {
        const { longitude, latitude, accuracy } = found.coords
        position.value = { lon: Number(longitude.toFixed(6)), lat: Number(latitude.toFixed(6)), accuracy: Math.round(accuracy), source: 'gps' }
        state.value = accuracy <= GOOD_M ? 'good' : 'rough'
      },
      (error) => (state.value = error.code === error.PERMISSION_DENIED ? 'denied' : position.value ? state.value : 'none'),
      { enableHighAccuracy: true, maximumAge: 5_000, timeout: 15_000 },
    )
  }
  const stop = (): void => navigator.geolocation?.clearWatch(watcher)
  start()
  onUnmounted(stop)
  return { position, state, again: () => { stop(); start() } }
}
