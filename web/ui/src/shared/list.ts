/** A list of cases that follows live events without moving what is under the pointer more than needed. */
import { ref } from 'vue'

import { get, messageOf, Problem, query } from './api'
import { debounce } from './draft'
import { useLive } from './live'
import type { Case, Page } from './types'
import { dueOf } from './words'

/** By what the holder must keep now: the service sorts by the case's own due time, a running sign-in may end sooner. */
function ordered(items: Case[], sort: CaseQuery[string]): Case[] {
  if (sort && sort !== 'due_at') return items
  return [...items].sort((a, b) => (dueOf(a) ?? '9').localeCompare(dueOf(b) ?? '9'))
}

export type CaseQuery = Record<string, string | number | boolean | undefined>

export function useCases(ask: () => CaseQuery | null) {
  const items = ref<Case[]>([])
  const next = ref<string | null>(null)
  const loading = ref(false)
  const wrong = ref('')
  let turn = 0

  async function load(): Promise<void> {
    const wanted = ask()
    if (!wanted) return
    const mine = ++turn
    loading.value = true
    try {
      const page = await get<Page<Case>>(`/cases${query({ limit: 50, sort: 'due_at', ...wanted })}`)
      if (mine !== turn) return
      items.value = ordered(page.items, wanted.sort)
      next.value = page.next
      wrong.value = ''
    } catch (error) {
      if (mine === turn) wrong.value = messageOf(error)
    } finally {
      if (mine === turn) loading.value = false
    }
  }

  async function more(): Promise<void> {
    try {
      const page = await get<Page<Case>>(`/cases${query({ limit: 50, sort: 'due_at', ...ask(), cursor: next.value })}`)
      items.value = [...items.value, ...page.items]
      next.value = page.next
    } catch (error) {
      wrong.value = messageOf(error)
    }
  }

  const soon = debounce(() => void load(), 250)
  useLive((event) => {
    if (event.type === 'notice') return
    if (event.type === 'case.gone') items.value = items.value.filter((one) => one.id !== event.data.id)
    soon()
  })
  return { items, next, loading, wrong, load, more }
}

export interface Summary {
  states: Record<string, number>
  lights?: Record<string, number>
  requests?: Record<string, number>
  ended?: number | null
}

/** How many open cases stand in each state (and how many have ended), kept fresh; stays as it was while the service cannot be reached. */
export function useSummary(ended = false) {
  const summary = ref<Summary>({ states: {} })
  async function count(): Promise<void> {
    try {
      summary.value = await get<Summary>(`/cases/summary${query({ ended: ended || undefined })}`)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
    }
  }
  const soon = debounce(() => void count(), 400)
  useLive((event) => {
    if (event.type !== 'notice') soon()
  })
  return { summary, count }
}
