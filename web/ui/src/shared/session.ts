/** Who is signed in, and the city. One for the whole page. */
import { reactive } from 'vue'

import { get, onSignedOut, post, Problem, remove, setCsrf } from './api'
import { zone } from './time'
import type { City, User } from './types'

interface Signed {
  user: User
  csrf: string
}

export const session = reactive({
  user: null as User | null,
  city: null as City | null,
  ready: false,
  expired: false, // signed in before, no longer: the page stays as it is under the sign-in form
})

onSignedOut(() => {
  if (session.user) session.expired = true
})

function take(signed: Signed): void {
  setCsrf(signed.csrf)
  session.user = signed.user
  session.expired = false
}

async function loadCity(): Promise<void> {
  session.city = await get<City>('/city')
  if (session.city.timezone) zone.value = session.city.timezone
}

/** Find out who is signed in; nobody is no error. Raises `Problem` when the service cannot be reached. */
export async function startSession(): Promise<void> {
  try {
    take(await get<Signed>('/sessions/current'))
    await loadCity()
  } catch (error) {
    if (!(error instanceof Problem && error.status === 401)) throw error
  } finally {
    session.ready = true
  }
}

export async function signIn(username: string, password: string): Promise<User> {
  const signed = await post<Signed>('/sessions', { username, password })
  take(signed)
  if (!session.city) await loadCity()
  return signed.user
}

export async function signOut(): Promise<void> {
  sessionStorage.clear()
  await remove('/sessions/current')
  location.assign('/')
}

const FIELD_ROLES = new Set(['grid_worker', 'grid_lead', 'group_leader'])

/** The page where a role works. */
export function homeOf(role: string): string {
  return FIELD_ROLES.has(role) ? '/field' : '/desk'
}
