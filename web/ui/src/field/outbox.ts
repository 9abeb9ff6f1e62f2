/** Reports on this phone that are not yet safe in the service. Each keeps its key, so that sending again never makes two. */
import { reactive } from 'vue'

import { newKey, post, Problem } from '../shared/api'
import { dropDraft, loadDraft, saveDraft } from '../shared/draft'
import { t } from '../shared/i18n'
import { upload } from '../shared/photo'
import type { Case } from '../shared/types'

export interface Position {
  lon: number
  lat: number
  accuracy: number | null
  source: 'gps' | 'map'
}
/** The resident for whom it is reported, and how they agreed; what was signed is a picture. */
export interface Resident {
  name: string
  phone: string
  consent: 'oral' | 'written'
  note: string
  signed: Blob[]
}
export interface Report {
  key: string
  at: string // when the form was opened, which is when the worker stood there
  text: string
  category: string
  categoryName: string
  urgency: string
  position: Position | null
  photos: Blob[]
  resident: Resident | null
  state: 'writing' | 'waiting' | 'sending' | 'fix'
  why: string
}

const STORE = 'outbox'
export const outbox = reactive<Report[]>([])
let loaded: Promise<void> | null = null

export function emptyReport(): Report {
  return { key: newKey(), at: new Date().toISOString(), text: '', category: '', categoryName: '', urgency: '', position: null, photos: [], resident: null, state: 'writing', why: '' }
}

/** Bring what was left on the phone; what was being sent when the page went is waiting again. */
export function loadOutbox(): Promise<void> {
  loaded ??= loadDraft<Report[]>(STORE).then((list) => {
    outbox.splice(0, outbox.length, ...(list ?? []).map((one) => (one.state === 'sending' ? { ...one, state: 'waiting' as const } : one)))
  })
  return loaded
}

async function store(): Promise<void> {
  const plain = outbox.map((one) => ({ ...one, position: one.position ? { ...one.position } : null, photos: [...one.photos], resident: one.resident ? { ...one.resident, signed: [...one.resident.signed] } : null }))
  if (plain.length) await saveDraft(STORE, plain)
  else await dropDraft(STORE)
}

/** Keep the report on the phone as it is now. */
export async function keep(report: Report): Promise<void> {
  const at = outbox.findIndex((one) => one.key === report.key)
  if (at >= 0) outbox[at] = { ...report }
  else outbox.unshift({ ...report })
  await store()
}

export async function forget(key: string): Promise<void> {
  const at = outbox.findIndex((one) => one.key === key)
  if (at >= 0) outbox.splice(at, 1)
  await store()
}

const LEAST_LETTERS = 5

/** What is said: the worker's words, with the category where they are too few to stand alone. */
function described(report: Report): string {
  const text = report.text.trim()
  return [...text].length >= LEAST_LETTERS || !report.categoryName ? text : t('report.described', { what: [report.categoryName, text].filter(Boolean).join(' ') })
}

/** Whether everything is there that a report for somebody else needs. */
export function isComplete(resident: Resident): boolean {
  const agreed = resident.consent === 'oral' ? resident.note.trim().length > 1 : resident.signed.length > 0
  return !!resident.name.trim() && !!resident.phone.trim() && agreed
}

function onBehalf(resident: Resident, photo: string | null): Record<string, unknown> {
  const { name, phone, consent } = resident
  return { name: name.trim(), phone: phone.trim(), consent, note: resident.note.trim() || null, photo: consent === 'written' ? photo : null }
}

/** The body of `POST /events`. */
export function reportBody(report: Report, photos: string[], signed: string | null = null): Record<string, unknown> {
  return {
    ...(report.resident ? { on_behalf: onBehalf(report.resident, signed) } : {}),
    description: described(report),
    category: report.category || null,
    urgency: report.urgency || null,
    location: report.position
      ? { lon: report.position.lon, lat: report.position.lat, crs: 'WGS-84', accuracy_m: report.position.source === 'gps' ? report.position.accuracy : null }
      : null,
    photos,
    occurred_at: report.at,
  }
}

/** Send a report: photos first, then what shows them. It leaves the phone only when the service has it. Raises `Problem`. */
export async function send(report: Report): Promise<Case> {
  await keep({ ...report, state: 'sending', why: '' })
  try {
    const ids: string[] = []
    for (const photo of report.photos) ids.push(await upload(photo))
    const paper = report.resident?.consent === 'written' ? report.resident.signed[0] : undefined
    const signed = paper ? await upload(paper) : null
    const filed = await post<Case>('/events', reportBody(report, ids, signed), report.key)
    await forget(report.key)
    return filed
  } catch (error) {
    const problem = error instanceof Problem ? error : null
    await keep({ ...report, state: problem && !problem.retryable ? 'fix' : 'waiting', why: problem?.errors[0]?.message ?? problem?.message ?? '' })
    throw error
  }
}

let flushing = false
/** Send what waits, oldest first; stops at the first that cannot be sent. Returns how many went. */
export async function flush(): Promise<number> {
  if (flushing) return 0
  flushing = true
  let sent = 0
  try {
    await loadOutbox()
    for (const report of outbox.filter((one) => one.state === 'waiting').reverse()) {
      await send(report)
      sent += 1
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error
  } finally {
    flushing = false
  }
  return sent
}
