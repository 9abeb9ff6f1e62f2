/** A proposal as `GET /rule-proposals` sends it. */
import type { AreaRef, Ref } from '../../shared/types'

export interface Proposal {
  id: string
  case: string
  case_no: string
  line: string
  category: string
  area: string | null
  areas: AreaRef[]
  from_unit: Ref
  to_unit: Ref
  reason: string
  basis: string
  returned_at: string
  present: { unit: Ref; rule: string; basis: string } | null
  taken: boolean
  may_decide: boolean
}
