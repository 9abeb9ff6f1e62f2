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
/** What organizations are asked for. */
export interface Help {
  kind: string
  help: string
  what: string
  places: number
}
export const HELP_KINDS = ['VOL', 'SWK', 'PSY', 'LAW', 'MED', 'ELD', 'DIS', 'YTH', 'HLT', 'PRP', 'ENT', 'RSC', 'ENV', 'CHR', 'SKL', 'IND', 'ANI', 'DRG', 'VET', 'CUL']
export const HELPS = ['companionship', 'counselling', 'mediation', 'legal_advice', 'cleaning', 'transport', 'goods', 'search', 'teaching', 'health_talk', 'repair']
const LEAST_WORDS = 4
export const emptyHelp = (): Help => ({ kind: 'VOL', help: 'companionship', what: '', places: 1 })
export const isAsked = (help: Help): boolean => [...help.what.trim()].length >= LEAST_WORDS
export interface Told {
  id: string
  at: string
  event: string
  text: string
  case_no: string | null
  read: boolean
  readers: number | null
}
