/** The queues of the board by role: what waits for this role first. */
import type { CaseQuery, Summary } from '../../shared/list'

export interface BoardTab {
  name: string
  query: CaseQuery
  mixed?: boolean // rows of several states: each shows its own
  count: (summary: Summary) => number
}

export const EMERGENCY_STATES = 'reported,filed,dispatched,handling'

const state = (name: string): BoardTab => ({ name, query: { state: name }, count: (summary) => summary.states[name] ?? 0 })
const underway: BoardTab = {
  name: 'underway',
  query: { state: 'dispatched,handling' },
  mixed: true,
  count: (summary) => (summary.states.dispatched ?? 0) + (summary.states.handling ?? 0),
}
const all: BoardTab = {
  name: 'all',
  query: { open: true },
  mixed: true,
  count: (summary) => Object.values(summary.states).reduce((sum, one) => sum + one, 0),
}
const returns: BoardTab = {
  name: 'returns',
  query: { request: 'return', open: true },
  mixed: true,
  count: (summary) => summary.requests?.return ?? 0,
}

export function tabsOf(role: string): BoardTab[] {
  if (role === 'operator') return [state('reported'), state('visiting'), underway, all]
  if (role === 'dispatcher') return [state('filed'), returns, state('handled'), underway, all]
  return [all, state('filed'), underway, state('handled')]
}
