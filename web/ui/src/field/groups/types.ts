/** Community groups as the API sends them; what a screen does not use is left out. */
export interface Group {
  code: string
  name: string
  kind: string
  area: string
  size: number
  active: boolean
}
export interface Post {
  id: string
  group: string
  at: string
  author: string
  text: string
  photos: string[]
  lon: number | null
  lat: number | null
  state: 'open' | 'taken' | 'case' | 'answered' | 'declined'
  decided_at: string | null
  reason: string | null
  reply: string | null
  case: string | null
  case_no: string | null
  need: boolean
  told: { line: string; state: string; public_reply: string | null } | null
}
export interface Told {
  id: string
  at: string
  event: string
  text: string
  case_no: string | null
  read: boolean
  readers: number | null
}
