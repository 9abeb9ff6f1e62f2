/** What was done in the field and is not yet known to the service: clocking in, check points, the end of a patrol, visits.
 *
 * Each keeps its key and the time at which it happened, so that sending it again never makes two. What belongs to one thing goes
 * in its order; nothing leaves the phone before the service has it. */
import { computed, reactive } from 'vue'

import { post, Problem } from '../../shared/api'
import { dropDraft, loadDraft, saveDraft } from '../../shared/draft'
import { upload } from '../../shared/photo'
import { session } from '../../shared/session'

export type DeedKind = 'start' | 'point' | 'end' | 'visit'
export interface Deed {
  key: string
  by: string // phones are lent: what one has done is never sent as another
  about: string // `patrol/ID` or `visit/ID`, which is also the page to mend it on
  kind: DeedKind
  title: string
  path: string
  body: Record<string, unknown>
  photos: Blob[]
  at: string
  state: 'waiting' | 'sending' | 'fix'
  why: string
}
export type NewDeed = Omit<Deed, 'by' | 'state' | 'why'>

const STORE = 'deeds'
const deeds = reactive<Deed[]>([])
let loaded: Promise<void> | null = null

export const myDeeds = computed(() => deeds.filter((one) => one.by === session.user?.username))
export const deedsAbout = (about: string): Deed[] => myDeeds.value.filter((one) => one.about === about)

/** Bring what was left on the phone; what was being sent when the page went is waiting again. */
export function loadDeeds(): Promise<void> {
  loaded ??= loadDraft<Deed[]>(STORE).then((list) => {
    deeds.splice(0, deeds.length, ...(list ?? []).map((one) => (one.state === 'sending' ? { ...one, state: 'waiting' as const } : one)))
  })
  return loaded
}

const plain = (one: Deed): Deed => ({ ...one, body: JSON.parse(JSON.stringify(one.body)) as Deed['body'], photos: [...one.photos] })

async function store(): Promise<void> {
  if (deeds.length) await saveDraft(STORE, deeds.map(plain))
  else await dropDraft(STORE)
}

async function put(deed: Deed): Promise<void> {
  const at = deeds.findIndex((one) => one.key === deed.key)
  if (at >= 0) deeds[at] = deed
  else deeds.push(deed)
  await store()
}

export async function dropDeed(key: string): Promise<void> {
  const at = deeds.findIndex((one) => one.key === key)
  if (at >= 0) deeds.splice(at, 1)
  await store()
}

/** What an answer's problem says, with the field that is wrong. */
export function whyOf(problem: Problem): string {
  return problem.errors[0]?.message ?? problem.message
}

/** Send one: photos first, then what they show. Raises `Problem`; it is then kept, to wait or to be mended. */
async function send<T>(deed: Deed): Promise<T> {
  await put({ ...deed, state: 'sending', why: '' })
  try {
    const photos: string[] = []
    for (const photo of deed.photos) photos.push(await upload(photo))
    const answer = await post<T>(deed.path, photos.length ? { ...deed.body, photos } : deed.body, deed.key)
    await dropDeed(deed.key)
    return answer
  } catch (error) {
    const problem = error instanceof Problem ? error : null
    await put({ ...deed, state: problem && !problem.retryable ? 'fix' : 'waiting', why: problem ? whyOf(problem) : '' })
    throw error
  }
}

/** Do something now: resolves to the service's answer, or to null when it is kept on the phone until there is a network.
 *  Raises `Problem` when the service refuses it; it is then not kept, since the form still holds it. */
export async function act<T>(wanted: NewDeed): Promise<T | null> {
  await loadDeeds()
  const deed: Deed = { ...wanted, by: session.user?.username ?? '', state: 'waiting', why: '' }
  if (deedsAbout(deed.about).some((one) => one.key !== deed.key)) { // what came before goes first
    await put(deed)
    await flushDeeds()
    const left = deeds.find((one) => one.key === deed.key)
    if (left?.state === 'fix') await refuse(left)
    return null
  }
  try {
    return await send<T>(deed)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.retryable) return null
    await dropDeed(deed.key)
    throw error
  }
}

async function refuse(deed: Deed): Promise<never> {
  await dropDeed(deed.key)
  throw new Problem(422, 'refused', deed.why)
}

/** Try one that was refused once more; of those that wait, all in their order. Raises `Problem` when it is refused again. */
export async function retry(deed: Deed): Promise<void> {
  if (deed.state === 'fix') await send(deed)
  else await flushDeeds()
}

let flushing = false
/** Send what waits, oldest first; behind one that cannot go, what is about the same thing waits too. Returns how many went. */
export async function flushDeeds(): Promise<number> {
  if (flushing) return 0
  flushing = true
  let sent = 0
  try {
    await loadDeeds()
    const held = new Set<string>()
    for (const deed of [...myDeeds.value]) {
      if (held.has(deed.about)) continue
      if (deed.state === 'waiting' && (await went(deed))) sent += 1
      else held.add(deed.about)
    }
  } finally {
    flushing = false
  }
  return sent
}

async function went(deed: Deed): Promise<boolean> {
  try {
    await send(deed)
    return true
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    return false
  }
}
