/** The open case: loaded, kept fresh by live events, with its timeline and the arithmetic of its clock. */
import { ref, watch, type Ref } from 'vue'

import { get, Problem, query } from './api'
import { t } from './i18n'
import { useLive } from './live'
import { toast } from './toast'
import type { Case, Due, Entry } from './types'
import { runningClock } from './words'

export function useCase(id: Ref<string>) {
  const item = ref<Case | null>(null)
  const entries = ref<Entry[]>([])
  const due = ref<Due | null>(null)
  const problem = ref<Problem | null>(null)
  let asked = 0

  async function details(of: Case, turn: number): Promise<void> {
    const clock = runningClock(of)?.kind
    const [timeline, sum] = await Promise.allSettled([
      get<{ items: Entry[] }>(`/cases/${of.id}/timeline`),
      get<Due>(`/cases/${of.id}/due${query({ clock })}`),
    ])
    if (turn !== asked) return
    entries.value = timeline.status === 'fulfilled' ? timeline.value.items : []
    due.value = sum.status === 'fulfilled' ? sum.value : null
  }

  /** Fetch again; `item` stays what it was until the answer is there. */
  async function load(): Promise<void> {
    const turn = ++asked
    if (!id.value) return
    try {
      const found = await get<Case>(`/cases/${id.value}`)
      if (turn !== asked) return
      item.value = found
      problem.value = null
      await details(found, turn)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      if (turn === asked) problem.value = error
    }
  }

  /** Take the case as an action's answer shows it. */
  async function take(after: Case): Promise<void> {
    item.value = after
    await details(after, ++asked)
  }

  watch(id, () => {
    item.value = null
    entries.value = []
    due.value = null
    problem.value = null
    void load()
  }, { immediate: true })

  /** A light changes by itself, without a new rev. */
  const isNews = (data: Record<string, unknown>): boolean =>
    Number(data.rev) > (item.value?.rev ?? 0) || (!!data.light && data.light !== item.value?.light)

  useLive((event) => {
    if (event.type === 'reset') void load()
    else if (event.type === 'case.gone' && event.data.id === id.value) {
      item.value = null
      void load()
    }
    else if (event.data.id === id.value && isNews(event.data)) void load()
  })

  /** After 412: show the newest, say so; what was typed stays in its form. */
  function stale(): void {
    toast(t('case.changed_by_other'), 'bad')
    void load()
  }

  return { item, entries, due, problem, load, take, stale }
}
