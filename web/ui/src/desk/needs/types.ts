/** A need as `GET /needs` sends it: what is wanted and roughly where, nothing of who asked. */
import type { AreaRef, Need as CaseNeed } from '../../shared/types'

export interface Need extends Omit<CaseNeed, 'taken' | 'state' | 'actions'> {
  left: number
  urgency: string
  invited: boolean
  area: AreaRef[]
  distance_m: number | null
}

export interface NeedPage {
  items: Need[]
  next: string | null
  load: number
  capacity: number
}

/** The case that a need belongs to; it can be seen after the claim. */
export const caseOf = (need: Need): string => need.id.split('.')[0] ?? ''
