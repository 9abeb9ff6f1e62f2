/** Sending a form of a group: what was typed stays where it is, and goes out again under the same key, until the service has it. */
import { ref, watch } from 'vue'

import { newKey, post, Problem } from '../../shared/api'

/** `key` lives with the form; it changes only when the service has refused what was sent under it. What was said to be wrong is
 *  forgotten as soon as something is mended. */
export function useSending<T>(form: { key: string }, changed: () => void = () => undefined) {
  const busy = ref(false)
  const failure = ref('')
  const errors = ref<Record<string, string>>({})
  const names = Object.keys(form).filter((name) => name !== 'key') as (keyof typeof form)[]
  watch(() => names.map((name) => form[name]), () => {
    failure.value = ''
    errors.value = {}
  })

  /** The service's answer, or null (then `failure` says why). */
  async function send(path: string, body: () => Promise<Record<string, unknown>>): Promise<T | null> {
    busy.value = true
    failure.value = ''
    errors.value = {}
    try {
      return await post<T>(path, await body(), form.key)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      take(error)
      return null
    } finally {
      busy.value = false
    }
  }
  function take(problem: Problem): void {
    failure.value = problem.message
    errors.value = Object.fromEntries(problem.errors.map((one) => [one.field, one.message]))
    if (problem.retryable) return
    form.key = newKey()
    if (problem.status === 409) changed() // somebody else was faster: show what they decided
  }
  return { busy, failure, errors, send }
}
