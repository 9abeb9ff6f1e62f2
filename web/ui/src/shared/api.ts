/** The one client of the API: JSON in and out, problem documents as `Problem`, the CSRF token, idempotency keys. */
import { locale, t } from './i18n'
import { learnClock } from './time'

const BASE = '/api/v1'
const TIMEOUT_MS = 20_000

export interface FieldProblem {
  field: string
  code: string
  message: string
  row?: number
}

/** What went wrong, in the user's language. `code` is the API's; `offline` and `timeout` are ours (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly errors: FieldProblem[] = [],
    readonly body: Record<string, unknown> = {},
  ) {
    super(message)
  }

  /** Whether sending the same again later may help. */
  get retryable(): boolean {
    return this.status === 0 || this.status >= 500 || [401, 408, 425, 429].includes(this.status)
  }

  get stale(): boolean {
    return this.status === 412
  }
}

interface Options {
  body?: unknown
  key?: string
  raw?: Blob
  signal?: AbortSignal
}

let csrf = ''
let whenSignedOut: () => void = () => undefined

export function setCsrf(token: string): void {
  csrf = token
}

/** Call `listener` when the API says that nobody is signed in. */
export function onSignedOut(listener: () => void): void {
  whenSignedOut = listener
}

/** A fresh idempotency key; make it when a form opens and send it with every try of that form. */
export function newKey(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID()
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Query string of the values that are there, with its `?`. */
export function query(values: Record<string, string | number | boolean | null | undefined>): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== '') search.set(name, String(value))
  }
  const text = search.toString()
  return text ? `?${text}` : ''
}

/** Turn an answer that is not 2xx into a `Problem` with words that help. */
export function toProblem(status: number, body: Record<string, unknown>): Problem {
  const code = typeof body.code === 'string' ? body.code : `http_${status}`
  const said = [body.title, body.detail].filter((text): text is string => typeof text === 'string' && text !== '')
  const message = said.length ? said.join(locale.value === 'en' ? '. ' : '。') : t('problem.unknown', { status })
  return new Problem(status, code, message, (body.errors as FieldProblem[] | undefined) ?? [], body)
}

function headers(method: string, options: Options): Record<string, string> {
  const out: Record<string, string> = { Accept: 'application/json', 'Accept-Language': locale.value }
  if (method !== 'GET') out['X-CSRF-Token'] = csrf
  if (options.key) out['Idempotency-Key'] = options.key
  if (options.raw) out['Content-Type'] = options.raw.type || 'application/octet-stream'
  else if (options.body !== undefined) out['Content-Type'] = 'application/json'
  return out
}

async function parse(response: Response): Promise<Record<string, unknown>> {
  const type = response.headers.get('Content-Type') ?? ''
  return type.includes('json') ? ((await response.json()) as Record<string, unknown>) : {}
}

/** Send a request and return the answer's JSON; raises `Problem` for everything else. */
export async function call<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS)
  options.signal?.addEventListener('abort', () => limit.abort())
  let response: Response
  try {
    response = await fetch(`${BASE}${path}`, {
      method,
      headers: headers(method, options),
      credentials: 'same-origin',
      signal: limit.signal,
      body: options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body)),
    })
  } catch {
    if (options.signal?.aborted) throw new Problem(0, 'aborted', '')
    const code = limit.signal.aborted ? 'timeout' : 'offline'
    throw new Problem(0, code, t(`problem.${code}`))
  } finally {
    clearTimeout(timer)
  }
  learnClock(response.headers.get('Date'))
  const body = await parse(response)
  if (response.ok) return body as T
  if (response.status === 401 && path !== '/sessions') whenSignedOut()
  throw toProblem(response.status, body)
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> => call<T>('GET', path, { signal })
export const post = <T>(path: string, body: unknown = {}, key?: string): Promise<T> => call<T>('POST', path, { body, key })
export const remove = <T>(path: string): Promise<T> => call<T>('DELETE', path)

/** The words of any failure, for a toast. */
export function messageOf(error: unknown): string {
  if (error instanceof Problem) return error.message
  return t('problem.unknown', { status: '' })
}
