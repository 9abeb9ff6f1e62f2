/** The queues of the board by role: what waits for this role first. */
import type { CaseQuery, Summary } from '../../shared/list'

export interface BoardTab {
  name: string
  query: CaseQuery
  mixed?: boolean // rows of several states: each shows its own
  listed?: boolean // the summary does not count these: the list itself is counted
  count: (summary: Summary) => number
}

const UNDERWAY = ['dispatched', 'handling', 'suspended', 'coordinating']
export const EMERGENCY_STATES = ['reported', 'verifying', 'filed', ...UNDERWAY].join(',')
export const MOST_LISTED = 100

const of = (summary: Summary, names: string[]): number => names.reduce((sum, name) => sum + (summary.states[name] ?? 0), 0)
const state = (name: string): BoardTab => ({ name, query: { state: name }, count: (summary) => of(summary, [name]) })
/** Requests of these kinds; an appeal is about a case that has ended. */
const requests = (...kinds: string[]): BoardTab => ({ name: 'requests', query: { request: kinds.join(',') }, mixed: true, listed: true, count: () => 0 })
const underway: BoardTab = { name: 'underway', query: { state: UNDERWAY.join(',') }, mixed: true, count: (summary) => of(summary, UNDERWAY) }
const all: BoardTab = { name: 'all', query: { open: true }, mixed: true, count: (summary) => of(summary, Object.keys(summary.states)) }
/** What is with an agency outside and has not been answered: its light still changes. */
const outside: BoardTab = { name: 'outside', query: { state: 'transferred', light: 'green,yellow,red,deep_red' }, listed: true, count: () => 0 }
/** What waits after the end: checks that were drawn, bad ratings that are to be put right. */
const todo: BoardTab = { name: 'todo', query: { todo: 'spot_check,rectification' }, mixed: true, listed: true, count: () => 0 }

const TABS: Record<string, BoardTab[]> = {
  operator: [state('reported'), state('verifying'), outside, state('visiting'), underway, all],
  dispatcher: [state('filed'), requests('return', 'extension'), state('handled'), underway, all],
  supervisor: [state('coordinating'), requests('extension', 'suspension', 'appeal'), todo, underway, all],
}
const OTHERS = [all, state('coordinating'), underway]

export function tabsOf(role: string): BoardTab[] {
  return TABS[role] ?? OTHERS
}
