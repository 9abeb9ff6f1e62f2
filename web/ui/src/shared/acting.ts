/** Taking the actions that the API offers: which are buttons and which go into the menu, and what a press does. */
import { ref, type Ref } from 'vue'

import { messageOf, newKey, post, Problem } from './api'
import { t, word } from './i18n'
import { toast } from './toast'
import type { Action, Case } from './types'

/** Actions without fields that are asked about once more, since pressing them by accident would cost somebody something. */
const ASKED = new Set(['withdraw_request', 'special_close'])

/** The usual ones as buttons, in their order, up to `room`; all others into the menu. A menu of one would be a button, so it is one. */
export function arranged(actions: readonly Action[], usual: readonly string[], room: number): { shown: Action[]; more: Action[] } {
  const rank = (action: Action): number => (usual.includes(action.name) ? usual.indexOf(action.name) : usual.length)
  const sorted = [...actions].sort((a, b) => rank(a) - rank(b))
  const known = sorted.filter((one) => usual.includes(one.name)).length
  const fit = sorted.length <= room + 1 ? sorted.length : Math.min(room, Math.max(known, 1))
  return { shown: sorted.slice(0, fit), more: sorted.slice(fit) }
}

export interface Opened {
  action: Action
  path?: string
  preset?: Record<string, unknown>
}

/** What is being done to the open case: the form that is open, and sending what needs none. */
export function useActing(item: Ref<Case | null>, take: (after: Case) => Promise<void>, stale: () => void, changed: (after: Case) => void) {
  const opened = ref<Opened | null>(null)
  const busy = ref(false)

  async function done(after: Case): Promise<void> {
    opened.value = null
    await take(after)
    changed(after)
  }
  async function send(action: Action, fields: Record<string, unknown> = {}, path?: string): Promise<void> {
    if (!item.value) return
    busy.value = true
    try {
      const extra = action.needs_rev ? { rev: item.value.rev } : {}
      const after = await post<Case>(path ?? `/cases/${item.value.id}/actions/${action.name}`, { ...fields, ...extra }, newKey())
      toast(t('act.done', { act: word('action', action.name) }))
      await done(after)
    } catch (error) {
      if (error instanceof Problem && (error.stale || error.status === 409)) stale()
      else toast(messageOf(error), 'bad')
    } finally {
      busy.value = false
    }
  }
  function open(action: Action, path?: string, preset?: Record<string, unknown>): void {
    opened.value = { action, path, preset }
  }
  /** Press an action (of the case, or by `path` of a task or request of it): its form, or at once what asks for nothing. */
  function press(action: Action, path?: string): unknown {
    return action.fields.length || ASKED.has(action.name) ? open(action, path) : send(action, {}, path)
  }
  return { opened, busy, send, open, press, done }
}
