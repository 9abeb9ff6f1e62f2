/** What lies in the inbox, by the state of the case for a unit, by that of its own task for an organization that helps. */
import type { CaseQuery } from '../../shared/list'

export interface InboxTab {
  name: string
  query: CaseQuery
  states?: string[] // of the case
  tasks?: string[] // of the own task
}

const unit = (name: string, ...states: string[]): InboxTab => ({ name, query: { state: states.join(',') }, states })
const help = (name: string, ...tasks: string[]): InboxTab => ({ name, query: { open: true, limit: 200 }, tasks })
const closed: InboxTab = { name: 'closed', query: { open: false, sort: '-reported_at' } }

const UNIT = [
  unit('dispatched', 'dispatched'),
  unit('handling', 'handling', 'coordinating'),
  unit('suspended', 'suspended'),
  unit('handled', 'handled'),
  unit('checking', 'checking', 'visiting'),
  closed,
]
const HELPERS = [help('invited', 'invited'), help('claimed', 'claimed', 'serving'), help('helped', 'submitted', 'confirmed'), closed]

export function inboxTabs(role: string): InboxTab[] {
  return role === 'org_coordinator' ? HELPERS : UNIT
}
