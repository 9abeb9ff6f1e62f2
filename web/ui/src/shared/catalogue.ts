/** The catalogue of categories, loaded once, searched in the page by name, English name or code. */
import { ref } from 'vue'

import { get } from './api'
import type { Category } from './types'

export const catalogue = ref<Category[]>([])
let loading: Promise<void> | null = null

export function loadCatalogue(): Promise<void> {
  loading ??= get<{ items: Category[] }>('/categories').then(
    (page) => void (catalogue.value = page.items),
    (error: unknown) => {
      loading = null
      throw error
    },
  )
  return loading
}

/** Rank categories by how well the text fits: code, then start of the name, then anywhere, then characters in order. */
export function rankCategories(text: string, list: readonly Category[], most = 8): Category[] {
  const wanted = text.trim().toLowerCase()
  if (!wanted) return list.slice(0, most)
  const scored = list.map((item) => ({ item, score: fitness(wanted, item) })).filter((entry) => entry.score > 0)
  return scored.sort((a, b) => b.score - a.score).slice(0, most).map((entry) => entry.item)
}

function fitness(wanted: string, item: Category): number {
  const names = [item.name, item.name_en ?? ''].map((name) => name.toLowerCase())
  if (item.code.startsWith(wanted)) return 5
  if (names.some((name) => name.startsWith(wanted))) return 4
  if (names.some((name) => name.includes(wanted))) return 3
  if ((item.major_name ?? '').toLowerCase().includes(wanted)) return 2
  let at = -1
  const inOrder = [...wanted].every((letter) => (at = names[0]!.indexOf(letter, at + 1)) >= 0)
  return inOrder ? 1 : 0
}

export async function findCategories(text: string): Promise<Category[]> {
  await loadCatalogue()
  return rankCategories(text, catalogue.value)
}
