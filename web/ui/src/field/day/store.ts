/** My day, one copy for all pages: it stays as it was while the service cannot be reached. */
import { computed, reactive } from 'vue'

import { get, messageOf, query } from '../../shared/api'
import { session } from '../../shared/session'
import { serverNow } from '../../shared/time'
import type { Page } from '../../shared/types'
import { deedsAbout } from './deeds'
import { follow, unfollow } from './track'
import type { MyDuty, Patrol, VisitPlace } from './types'
import { ordered, withDeeds } from './walk'

export const day = reactive({
  duty: null as MyDuty | null,
  patrols: [] as Patrol[],
  visits: [] as VisitPlace[],
  visitsKnown: false,
  wrong: { duty: '', patrols: '', visits: '' },
})

export const may = (permission: string): boolean => !!session.user?.permissions?.includes(permission)
export const patrolsShown = computed(() => ordered(day.patrols.map((one) => withDeeds(one, deedsAbout(`patrol/${one.id}`)))))
/** What was put down on the phone is no longer due, as far as its worker is concerned. */
export const visitsShown = computed(() => day.visits.filter((one) => !deedsAbout(`visit/${one.id}`).some((deed) => deed.state !== 'fix')))

async function part(name: keyof typeof day.wrong, work: () => Promise<void>): Promise<void> {
  try {
    await work()
    day.wrong[name] = ''
  } catch (error) {
    day.wrong[name] = messageOf(error)
  }
}

export const loadDuty = (): Promise<void> => part('duty', async () => void (day.duty = await get<MyDuty>('/duty/mine')))
export const loadPatrols = (): Promise<void> => part('patrols', async () => {
  day.patrols = (await get<Page<Patrol>>(`/patrols${query({ worker: session.user?.username })}`)).items
  followWalked()
})
export const loadVisits = (): Promise<void> => part('visits', async () => {
  day.visits = (await get<Page<VisitPlace>>('/visits/due')).items
  day.visitsKnown = true
})

/** Put a newer state of a patrol into the day. */
export function takePatrol(patrol: Patrol): void {
  const at = day.patrols.findIndex((one) => one.id === patrol.id)
  if (at >= 0) day.patrols[at] = patrol
  else day.patrols.push(patrol)
  followWalked()
}

/** Positions are taken while a patrol is walked and its time is not over, and of that one alone. */
export function followWalked(): void {
  const walked = patrolsShown.value.find((one) => one.state === 'walking' && Date.parse(one.closes_at) > serverNow())
  if (walked) follow(walked.id)
  else unfollow()
}

export async function loadDay(): Promise<void> {
  await Promise.all([loadDuty(), may('patrol.walk') && loadPatrols(), may('visit.make') && loadVisits()])
}
