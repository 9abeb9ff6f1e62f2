/** A form that stays on the phone while it is filled in: it is there again when the page is opened next, with its key. */
import { onMounted, onUnmounted, watch } from 'vue'

import { debounce, dropDraft, loadDraft, saveDraft } from '../shared/draft'
import { session } from '../shared/session'

/** Keep `form` (plain values and blobs) under `name` for who is signed in, while `worth` says that something is in it. */
export function useKept<T extends object>(name: string, form: T, worth: () => boolean) {
  const place = `form/${session.user?.username ?? ''}/${name}`
  let over = false
  const save = debounce(() => {
    if (!over) void (worth() ? saveDraft(place, plain(form)) : dropDraft(place))
  }, 300)
  onMounted(async () => {
    const before = await loadDraft<T>(place)
    if (before && !over && !worth()) Object.assign(form, before)
  })
  watch(form, () => save())
  onUnmounted(() => save.flush())

  /** It is with the service: forget it. */
  async function drop(): Promise<void> {
    over = true
    save.cancel()
    await dropDraft(place)
  }
  return { drop }
}

const plain = <T extends object>(form: T): T => Object.fromEntries(Object.entries(form).map(([name, value]) => [name, Array.isArray(value) ? [...(value as unknown[])] : value])) as T
