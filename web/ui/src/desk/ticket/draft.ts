/** The operator's ticket while it is written. Kept per tab (two calls are two tabs) and gone with the tab: a caller's number never stays on a shared desk. */
import { newKey } from '../../shared/api'

export interface TicketDraft {
  key: string
  name: string
  phone: string
  anonymous: boolean
  confidential: boolean
  silent: boolean
  appeal: string
  urgency: string
  text: string
  category: string
  place: { lon: number; lat: number } | null
  address: string
  area: { code: string; name: string } | null
}

const STORE = 'heyun-ticket'

export function emptyDraft(): TicketDraft {
  return { key: newKey(), name: '', phone: '', anonymous: false, confidential: false, silent: false, appeal: 'help', urgency: '', text: '', category: '', place: null, address: '', area: null }
}

export function readDraft(): TicketDraft {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORE) ?? 'null') as Partial<TicketDraft> | null
    return kept ? { ...emptyDraft(), ...kept } : emptyDraft()
  } catch {
    return emptyDraft()
  }
}

export function keepDraft(draft: TicketDraft): void {
  sessionStorage.setItem(STORE, JSON.stringify(draft))
}

export function dropDraft(): void {
  sessionStorage.removeItem(STORE)
}

/** The number when it is whole (a mobile number's 11 digits, or a landline with its area code), without separators; else empty. */
export function wholePhone(text: string): string {
  const bare = text.replace(/[\s()（）./\-－—]+/g, '').replace(/^(?:\+|00)86/, '')
  return /^1\d{10}$/.test(bare) || /^0\d{9,11}$/.test(bare) ? bare : ''
}

/** What is still missing, in the order of the screen. */
export function ticketGaps(draft: TicketDraft): ('text' | 'place' | 'phone')[] {
  const gaps: ('text' | 'place' | 'phone')[] = []
  if (!draft.anonymous && !/^\+?[\d\s-]{5,20}$/.test(draft.phone.trim())) gaps.push('phone')
  if ([...draft.text.trim()].length < 5) gaps.push('text')
  if (!draft.place && !draft.address.trim() && !draft.area) gaps.push('place')
  return gaps
}

/** The body of `POST /tickets`. */
export function ticketBody(draft: TicketDraft, file: boolean): Record<string, unknown> {
  return {
    description: draft.text.trim(),
    category: draft.category || null,
    urgency: draft.urgency || null,
    location: draft.place ? { ...draft.place, crs: 'WGS-84' } : null,
    address: draft.address.trim() || null,
    area_code: draft.place ? null : (draft.area?.code ?? null),
    appeal_type: draft.appeal,
    channel: 'phone',
    caller: {
      name: draft.anonymous ? null : draft.name.trim() || null,
      phone: draft.anonymous ? null : draft.phone.trim() || null,
      anonymous: draft.anonymous,
      confidential: draft.confidential,
      no_messages: draft.silent,
    },
    file,
  }
}

/** A ticket put aside: on the server, sealed, its operator's alone on every desk, under the key that it will be sent with. */
export interface Aside {
  id: string
  content: Record<string, unknown>
  saved_at: string
}

/** What is kept of a ticket that is put aside: what is filled in by now. */
export function asideContent(draft: TicketDraft): Record<string, unknown> {
  const filled = Object.entries(ticketBody(draft, false)).filter(([name, value]) => value !== null && value !== '' && name !== 'file')
  return Object.fromEntries(filled)
}

/** The ticket as it was when it was put aside. */
export function draftOf(aside: Aside): TicketDraft {
  const { description, category, urgency, location, address, area_code, appeal_type, caller } = aside.content as {
    description?: string; category?: string; urgency?: string; location?: { lon: number; lat: number }; address?: string
    area_code?: string; appeal_type?: string
    caller?: { name: string | null; phone: string | null; anonymous: boolean; confidential: boolean; no_messages: boolean }
  }
  return {
    key: aside.id,
    name: caller?.name ?? '',
    phone: caller?.phone ?? '',
    anonymous: caller?.anonymous ?? false,
    confidential: caller?.confidential ?? false,
    silent: caller?.no_messages ?? false,
    appeal: appeal_type ?? 'help',
    urgency: urgency ?? '',
    text: description ?? '',
    category: category ?? '',
    place: location ? { lon: location.lon, lat: location.lat } : null,
    address: address ?? '',
    area: area_code ? { code: area_code, name: address ?? area_code } : null,
  }
}
