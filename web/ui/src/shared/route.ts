/** The address after `#`: `/case/123?tab=x` → name `case`, id `123`. Enough for screens that are one level deep. */
import { computed, ref } from 'vue'

export interface Route {
  name: string
  id: string
  query: URLSearchParams
}

/** Read a hash such as `#/case/123?tab=x`. */
export function parseHash(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?')
  const [name = '', id = ''] = path.split('/')
  return { name, id: decodeURIComponent(id), query: new URLSearchParams(search) }
}

const hash = ref(location.hash)
window.addEventListener('hashchange', () => (hash.value = location.hash))

export const route = computed(() => parseHash(hash.value))

/** Go to a screen; `replace` leaves no step in the history. */
export function go(path: string, replace = false): void {
  if (replace) location.replace(`#${path}`)
  else location.hash = path
}
