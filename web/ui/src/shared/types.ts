/** The shapes of the API that the screens read (`/api/v1/openapi.json`); what a screen does not use is left out. */

export type Light = 'none' | 'green' | 'yellow' | 'red' | 'deep_red' | 'paused'
export interface Ref {
  code: string
  name: string
}
export interface AreaRef extends Ref {
  level: string
  name_en?: string
}
export interface Location {
  lon: number | null
  lat: number | null
  crs: string
  accuracy_m?: number | null
  address?: string | null
  boundary_doubt?: boolean
}
export interface Clock {
  kind: string
  started_at: string
  due_at: string | null
  done_at: string | null
  light: Light
  limit?: string
  paused_at?: string | null
  left_seconds?: number | null
}
export interface Candidate {
  unit: Ref
  score: number
  parts?: Record<string, number>
  rule?: string
  basis?: string
  reason?: string
}
export interface Helper extends Ref {
  kinds?: string[]
  distance_m?: number | null
  score?: number
  reason?: string
  task_state?: string | null
}
export interface Match {
  decided: string
  doubt: string[]
  candidates: Candidate[]
  assists?: Ref[]
  organizations?: Helper[]
}
export type FieldType =
  | 'text' | 'choice' | 'number' | 'boolean' | 'datetime' | 'date' | 'limit' | 'photos' | 'point' | 'unit' | 'units'
  | 'organization' | 'organizations' | 'case' | 'category' | 'person' | 'volunteers'
/** How many hours a volunteer served, by the organization's own number for them. */
export interface Volunteered { number: string; hours: number }
export interface ActionField {
  name: string
  type: FieldType
  required?: boolean
  min?: number | null
  max?: number | null
  options?: string[]
  labels?: Record<string, string>
  value?: unknown
  templates?: Record<string, JointTemplate>
  closed?: boolean // of the options only: nothing else is searched for
}
export interface JointStep {
  step: number
  kind: string
  unit: Ref | null
  named: string
  limit: string | null
  task: string
}
export interface JointTemplate {
  name: string
  name_en?: string
  steps: JointStep[]
}
export interface Action {
  name: string
  needs_rev: boolean
  fields: ActionField[]
}
export interface CaseRequest {
  id: string
  kind: string
  state: string
  at?: string
  unit?: string | null
  reason?: string | null
  due_at?: string | null
  decided_at?: string | null
  opinion?: string | null
  basis?: string
  proposed_unit?: Ref | null
  limit?: string
  measures?: string
  plan?: string
  planned_at?: string
  signed_by?: string | null
  voices?: { at: string; reason: string; case?: string; case_no?: string | null }[] // of an appeal: all who made it, a joined one with its case
  actions?: Action[]
}
export interface CaseTask {
  id: string
  kind: string
  state: string
  unit: Ref | null
  organization?: Ref | null
  due_at?: string | null
  expires_at?: string | null
  late?: boolean
  note?: string | null
  coordinator?: string | null
  caller?: string | null
  place?: string
  called_at?: string
  arrived_at?: string | null
  waived_because?: string
  limit?: string
  step?: number
  waits_for?: Ref[]
  template?: Ref & { name_en?: string }
  service?: { people: string; at: string } | null
  result?: { note: string; at?: string; hours?: number; photos?: string[]; covered_unit?: string } | null
  confirmation?: { rating: number | null; thanks: string | null } | null
  actions?: Action[]
}
/** What a case asks of organizations. */
export interface Need {
  id: string
  kind: string
  help: string
  what: string
  amount: string | null
  places: number
  taken: number
  starts_at: string | null
  ends_at: string | null
  open_until: string
  state: string
  actions?: Action[]
}
export interface Supervision {
  id: string
  level: number
  role: string
  rule: string | null
  reason: string | null
  at: string
  due_at: string
  answered_at: string | null
  lifted_at: string | null
}
export interface Rectification {
  state: string
  grades?: Record<string, number>
  contact_due_at?: string
  due_at?: string
  result?: string | null
}
export interface HandOver {
  agency: string
  to: string | null
  way: string
  receipt: string | null
  at: string
  summary?: string
  feedback?: string | null
  feedback_at?: string | null
  back_at?: string | null
}
export interface Duplicate {
  id: string
  case_no: string
  distance_m: number
  line?: string
  reported_at?: string
  state?: string | null
  light?: Light
  same_reporter?: boolean
}
/** What a merged case goes on with; `id` where the reader may open it. */
export interface Matter {
  id: string | null
  case_no: string
  state: string
  outcome: string | null
  lead: string | null
  due_at: string | null
  closed_at: string | null
  public_reply: string | null
  refusal: { reply: string; next_door: string } | null
  appeal: { state: string; decided_at: string | null; opinion: string | null } | null
  steps: { action: string; at: string }[]
}
/** A case that was merged into this one, and what its reporter has said. */
export interface Follower {
  id: string
  case_no: string
  kind?: string
  answer?: { contacted: boolean; solved: boolean; satisfaction: string; proxy?: string } | null
  rating?: { efficiency: number; quality: number; attitude: number } | null
}
export interface Case {
  id: string
  case_no: string
  rev: number
  state: string
  outcome: string | null
  light: Light
  title?: string
  category: Ref | null
  appeal_type: string
  urgency: string
  description: string
  channel: string
  location: Location | null
  area_path: AreaRef[]
  line?: string
  lead: Ref | null
  assists: (Ref & { task_state?: string })[]
  tasks?: CaseTask[]
  needs?: Need[]
  organizations: Helper[]
  reported_at: string
  due_at: string | null
  closed_at: string | null
  clocks: Clock[]
  requests: CaseRequest[]
  match: Match | null
  actions: Action[]
  photos?: string[]
  caller?: { name?: string; phone?: string; anonymous?: boolean; confidential?: boolean } | null
  reporter?: { kind?: string; role: string; own: boolean } | null
  sensitive?: boolean
  duplicates?: Duplicate[]
  flags?: string[]
  on_behalf?: { consent: string; note?: string | null } | null
  query_code?: string | null
  rating?: { efficiency: number; quality: number; attitude: number } | null
  recurrence?: { id: string; case_no: string; closed_at: string; days?: number } | null
  supervisions?: Supervision[]
  rectification?: Rectification | null
  spot_check?: { result: string | null; at: string | null; drawn_by: string; drawn_at: string; due_at?: string; late?: boolean } | null
  todo?: { kinds: string[]; at: string } | null
  special_close?: { by: string; at: string; reason: string } | null
  closures?: { closed_at: string; false: boolean; reopened: string; reopened_at: string }[]
  verification?: { verdict: string | null; at: string | null; sent_at?: string } | null
  transfer?: HandOver | null
  hand_overs?: HandOver[]
  merged_into?: string | null
  matter?: Matter | null
  followers?: Follower[]
}
export interface Entry {
  seq: number
  at: string
  actor: { id: string | null; role: string; unit: string | null; organization: string | null; name?: string }
  action: string
  from: string | null
  to: string | null
  note: string | null
  data?: Record<string, unknown>
}
export interface Notice {
  id: string
  kind: string
  case: string
  case_no: string
  line: string
  urgency: string
  at: string
  read: boolean
  counts?: Record<string, number> | null // of a digest, which belongs to no case
}
export interface Page<T> {
  items: T[]
  next: string | null
}
export interface Category extends Ref {
  name_en?: string
  major?: string
  major_name?: string
  urgency?: string
  limit?: string
  flags?: string[] | string
}
export interface CategoryProposal {
  code: string
  name: string
  score: number
  words?: string[]
}
export interface User {
  username: string
  name: string
  role: string
  unit: Ref | null
  areas?: Ref[]
  organization?: Ref | string | null
  permissions?: string[]
}
export interface City {
  code: string
  name: string
  name_en?: string
  bbox: [number, number, number, number]
  centre: [number, number] | { lon: number; lat: number }
  timezone?: string
}
export interface MapPoint {
  id: string
  lon: number
  lat: number
  light: Light
  urgency: string
  state: string
  line: string
}
export interface MapCluster {
  lon: number
  lat: number
  count: number
  worst: Light
}
export interface Span {
  start: string
  end: string
  counted: boolean
  reason: string
  name: string
  seconds: number
  days: number
  added?: string
}
export interface Due {
  started_at: string
  due_at: string
  limit: string
  spans: Span[]
  warning: string | null
  source?: string
  zone?: string
  extensions?: string[]
  paused_at?: string | null
  recomputed?: { at: string; before: string } | null
}
