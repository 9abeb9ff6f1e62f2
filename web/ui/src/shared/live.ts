/** Live events. One tab holds the stream (a lock decides which) and passes every event on, so that tabs do not use up connections. */
import { onUnmounted, ref } from 'vue'

const TYPES = ['case.created', 'case.changed', 'case.gone', 'notice', 'reset'] as const

export interface LiveEvent {
  type: (typeof TYPES)[number]
  id: string
  data: Record<string, unknown>
}
type Listener = (event: LiveEvent) => void

const listeners = new Set<Listener>()
export const online = ref(false)

let started = false
let lastId = ''
let channel: BroadcastChannel | null = null

function deliver(event: LiveEvent): void {
  if (event.id) lastId = event.id
  for (const listener of listeners) listener(event)
}

/** Let everything on this page fetch again (after a break, or when the service says that what is shown is old). */
export function refresh(): void {
  for (const listener of listeners) listener({ type: 'reset', id: '', data: {} })
}

function setOnline(value: boolean): void {
  const came = value && !online.value
  online.value = value
  if (came) refresh()
}

/** Hold the stream until the page goes: receive, deliver here and to the other tabs. */
function hold(): Promise<never> {
  const source = new EventSource(`/api/v1/stream${lastId ? `?last=${encodeURIComponent(lastId)}` : ''}`)
  const state = (value: boolean): void => {
    setOnline(value)
    channel?.postMessage({ online: value })
  }
  source.onopen = () => state(true)
  source.onerror = () => {
    state(false)
    if (source.readyState === EventSource.CLOSED) setTimeout(() => void hold(), 3000 + Math.random() * 2000)
  }
  for (const type of TYPES) {
    source.addEventListener(type, (message) => {
      const text = (message as MessageEvent<string>).data
      const event: LiveEvent = { type, id: (message as MessageEvent).lastEventId, data: text ? JSON.parse(text) : {} }
      deliver(event)
      channel?.postMessage({ event })
    })
  }
  if (channel) {
    const previous = channel.onmessage
    channel.onmessage = (message) => {
      if (message.data?.ask) state(source.readyState === EventSource.OPEN)
      else previous?.call(channel!, message)
    }
  }
  window.addEventListener('pagehide', () => source.close(), { once: true })
  return new Promise<never>(() => undefined)
}

function follow(): void {
  channel = new BroadcastChannel('heyun-live')
  channel.onmessage = (message: MessageEvent<{ event?: LiveEvent; online?: boolean }>) => {
    if (message.data.event) deliver(message.data.event)
    if (message.data.online !== undefined) setOnline(message.data.online)
  }
  channel.postMessage({ ask: true })
}

/** Start once per page, after sign-in. Browsers without locks or channels hold a stream of their own. */
export function startLive(): void {
  if (started) return
  started = true
  if (!('locks' in navigator) || typeof BroadcastChannel === 'undefined') {
    void hold()
    return
  }
  follow()
  void navigator.locks.request('heyun-live', hold)
}

/** Listen as long as the page lives. */
export function onLive(listener: Listener): void {
  listeners.add(listener)
}

/** Listen while the component lives. After a break a `reset` comes: fetch again. */
export function useLive(listener: Listener): void {
  listeners.add(listener)
  onUnmounted(() => listeners.delete(listener))
}
