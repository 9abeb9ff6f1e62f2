/** What is proved on the spot, for one action or for two that share it: photos, the position, and why it is given from afar. */
import { computed, ref, watch, type Ref } from 'vue'

import type { ActionFormState } from '../shared/form'
import type { Case } from '../shared/types'
import { metresBetween } from '../shared/words'
import { useGps } from './gps'

export const REACH_M = 200

export function useSpot(item: () => Case, forms: ActionFormState[]) {
  const gps = useGps()
  const blobs: Ref<Blob[]> = ref([])
  const picked = ref<{ lon: number; lat: number } | null>(null) // chosen on the map when there is no GPS
  const reason = ref('')
  const here = computed(() => gps.position.value ?? picked.value)
  const target = computed(() => {
    const at = item().location
    return at && at.lon !== null && at.lat !== null ? { lon: at.lon, lat: at.lat } : null
  })
  const far = computed(() => (here.value && target.value ? Math.round(metresBetween(here.value, target.value)) : null))
  watch([blobs, here, reason], () => {
    for (const form of forms) {
      form.values.photos = blobs.value
      form.values.position = here.value ? { lon: here.value.lon, lat: here.value.lat, crs: 'WGS-84' } : undefined
      form.values.reason = reason.value
    }
  }, { immediate: true })
  const errorOf = (name: string): string => forms.map((form) => form.errorOf(name)).find(Boolean) ?? ''
  return { gps, blobs, picked, reason, here, target, far, errorOf }
}
export type Spot = ReturnType<typeof useSpot>
