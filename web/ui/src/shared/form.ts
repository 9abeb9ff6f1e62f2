/** The state behind the form of an action: values, what is still missing, the draft, sending. The fields come from the API. */
import { computed, reactive, ref, watch } from 'vue'

import { newKey, post, Problem } from './api'
import { debounce } from './draft'
import { t } from './i18n'
import { refresh } from './live'
import { upload } from './photo'
import { toast } from './toast'
import type { Action, ActionField, Case } from './types'

export type Values = Record<string, unknown>
export interface Gap {
  field: string
  kind: 'missing' | 'short' | 'long'
  n: number
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return [...value.trim()].length
  return Array.isArray(value) ? value.length : 0
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0) || (typeof value === 'string' && !value.trim())
}

/** What is still missing before the fields can be sent: required ones that are empty, texts and lists that are too short or long. */
export function gapsOf(fields: readonly ActionField[], values: Values): Gap[] {
  const gaps: Gap[] = []
  for (const field of fields) {
    const value = values[field.name]
    const counted = field.type === 'text' || Array.isArray(value)
    const least = field.min ?? 0
    if (isEmpty(value)) {
      if (field.required) gaps.push({ field: field.name, kind: 'missing', n: counted || field.type === 'photos' ? Math.max(1, least) : 1 })
    } else if (counted && lengthOf(value) < least) gaps.push({ field: field.name, kind: 'short', n: least - lengthOf(value) })
    else if (counted && field.max && lengthOf(value) > field.max) gaps.push({ field: field.name, kind: 'long', n: lengthOf(value) - field.max })
  }
  return gaps
}

/** The words of a gap: what is missing and how to mend it. */
export function gapText(gap: Gap, field: ActionField | undefined): string {
  if (gap.kind === 'missing') {
    if (field?.type === 'photos') return t('gap.photos', { n: gap.n })
    return field?.type === 'text' ? t('gap.text', { n: gap.n }) : t('gap.choose')
  }
  return t(`gap.${gap.kind}`, { n: gap.n })
}

/** The value a field starts with: what the API proposes, or nothing. Where somebody stands is measured, never proposed. */
export function startValue(field: ActionField): unknown {
  if (field.type === 'photos' || field.type === 'units' || field.type === 'organizations' || field.type === 'volunteers') return []
  if (field.name === 'position') return undefined
  if (field.type === 'datetime') return new Date().toISOString()
  if (field.value !== undefined && field.value !== null) return field.value
  return field.type === 'text' || field.type === 'category' ? '' : undefined
}

/** The JSON of the values: empty ones left out, texts trimmed. Photos are blobs here and replaced by ids when sent. */
export function toBody(fields: readonly ActionField[], values: Values): Values {
  const body: Values = {}
  for (const field of fields) {
    const value = values[field.name]
    if (isEmpty(value)) continue
    body[field.name] = typeof value === 'string' ? value.trim() : value
  }
  return body
}

const KEPT = new Set(['text', 'choice', 'boolean', 'number', 'date'])

function stored(key: string): Values {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? '{}') as Values
  } catch {
    return {}
  }
}

/** The form of one action on one case (or on a request or task of it: `path`). `send` resolves to the case as it is then, or null. */
export function useActionForm(item: () => Case, action: () => Action, path?: () => string) {
  const store = `heyun-form:${path?.() ?? `${item().id}:${action().name}`}`
  const values = reactive<Values>({})
  for (const field of action().fields) values[field.name] = startValue(field)
  Object.assign(values, stored(store))
  const key = ref(newKey())
  const busy = ref(false)
  const tried = ref(false)
  const refused = ref<Record<string, string>>({})
  const failure = ref('')
  const gaps = computed(() => gapsOf(action().fields, values))

  const keep = debounce(() => {
    const kept = Object.fromEntries(action().fields.filter((field) => KEPT.has(field.type) && !isEmpty(values[field.name])).map((field) => [field.name, values[field.name]]))
    if (Object.keys(kept).length) sessionStorage.setItem(store, JSON.stringify(kept))
    else sessionStorage.removeItem(store)
  }, 400)
  watch(values, () => {
    refused.value = {}
    keep()
  })

  function errorOf(name: string): string {
    if (refused.value[name]) return refused.value[name]
    const gap = tried.value ? gaps.value.find((one) => one.field === name) : undefined
    return gap ? gapText(gap, action().fields.find((field) => field.name === name)) : ''
  }

  async function body(extra: Values): Promise<Values> {
    const out: Values = { ...toBody(action().fields, values), ...extra }
    for (const field of action().fields) {
      if (field.type !== 'photos' || !Array.isArray(out[field.name])) continue
      const blobs = out[field.name] as (Blob | string)[]
      out[field.name] = await Promise.all(blobs.map((one) => (typeof one === 'string' ? one : upload(one))))
    }
    if (action().needs_rev) out.rev = item().rev
    return out
  }

  function take(problem: Problem): void {
    failure.value = problem.message
    refused.value = {}
    for (const error of problem.errors) {
      const whole = error.field.replace(/^(fields|body)\./, '')
      const name = error.row === undefined ? whole : whole.split('.')[0]! // of a row, what is wrong with each stands below the one field
      const said = error.row === undefined ? error.message : t('gap.row', { n: error.row, what: error.message })
      refused.value[name] = refused.value[name] ? `${refused.value[name]} ${said}` : said
    }
    if (!problem.retryable) key.value = newKey()
    if (problem.stale || problem.status === 409) refresh() // what was typed stays; the case becomes the newest
  }

  /** Send the form; null when something is missing or refused (then `errorOf` and `failure` say what). */
  async function send(extra: Values = {}): Promise<Case | null> {
    tried.value = true
    failure.value = ''
    if (gapsOf(action().fields, { ...values, ...extra }).length) return null
    busy.value = true
    try {
      const url = path?.() ?? `/cases/${item().id}/actions/${action().name}`
      const after = await post<Case>(url, await body(extra), key.value)
      keep.cancel()
      sessionStorage.removeItem(store)
      key.value = newKey()
      toast(t('act.done', { act: t(`action.${action().name}`) }))
      return after
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      take(error)
      return null
    } finally {
      busy.value = false
    }
  }

  return reactive({ values, gaps, busy, tried, failure, errorOf, send })
}
export type ActionFormState = ReturnType<typeof useActionForm>
