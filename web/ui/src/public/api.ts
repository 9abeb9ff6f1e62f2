/** What the page asks of the API. No cookie goes along and no Referer: the token stands in the address of the request alone. */
import { locale } from './words'

export interface Field { name: string; type: string; required: boolean; min?: number; max?: number; options?: string[] }
export type Said = 'visit' | 'rate' | 'appeal' | 'thanks'
export interface Saying { name: Said; fields: Field[] }
/** An organization that helped, by the task of the case under which it is thanked. */
export interface Helper { task: string; name: string }
export interface Step { action: string; at: string }

/** A case as it is shown without an account (dispatch/plain.py). `steps` come with a query alone. */
export interface PublicCase {
  case_no: string
  line: string
  state: string
  purpose: Said | null
  reported_at: string
  closed_at: string | null
  public_reply: string | null
  refusal: { reply: string; next_door: string } | null
  appeal: 'pending' | 'approved' | 'rejected' | 'withdrawn' | null
  answered_at: string | null
  expires_at: string | null
  actions: Saying[]
  helpers: Helper[]
  token: string | null
  steps?: Step[]
}

/** Why something did not work, as far as the page says different things about it. */
export type Trouble = 'link' | 'used' | 'query' | 'often' | 'fields' | 'offline' | 'failed'

export class Refused extends Error {
  constructor(readonly trouble: Trouble, readonly said = '', readonly minutes = 0) {
    super(trouble)
  }
}

const TROUBLES: Record<string, Trouble> = { link_unknown: 'link', link_used: 'used', query_unknown: 'query', too_many: 'often', invalid: 'fields' }
const TIMEOUT_MS = 20_000

interface ProblemBody { code?: string; retry_after?: number; errors?: { message: string }[] }

function refusal(problem: ProblemBody): Refused {
  const trouble = TROUBLES[problem.code ?? ''] ?? 'failed'
  const said = (problem.errors ?? []).map((error) => error.message).join(' ')
  return new Refused(trouble, said, Math.ceil((problem.retry_after ?? 0) / 60))
}

async function ask(path: string, body?: unknown): Promise<PublicCase> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS)
  let response: Response
  try {
    response = await fetch(`/api/v1/public/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { Accept: 'application/json', 'Accept-Language': locale.value, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      cache: 'no-store',
      signal: limit.signal,
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  } catch {
    throw new Refused('offline')
  } finally {
    clearTimeout(timer)
  }
  const answer: unknown = await response.json().catch(() => ({}))
  if (!response.ok) throw refusal(answer as ProblemBody)
  return answer as PublicCase
}

const address = (token: string): string => `cases/${encodeURIComponent(token)}`

export const open = (token: string): Promise<PublicCase> => ask(address(token))
export const say = (token: string, saying: Said, body: unknown): Promise<PublicCase> => ask(`${address(token)}/${saying}`, body)
export const query = (case_no: string, code: string): Promise<PublicCase> => ask('query', { case_no, code })
