/** Which screens a role has, its first one first. */
const SCREENS: Record<string, readonly string[]> = {
  operator: ['ticket', 'board'],
  dispatcher: ['board', 'proposals'],
  supervisor: ['board', 'proposals'],
  leader: ['board'],
  unit_clerk: ['inbox'],
  unit_leader: ['inbox'],
  org_coordinator: ['inbox', 'needs'],
  sys_admin: ['calendar', 'deliveries'],
}

/** What belongs to the person and not to the post. */
export const EVERYBODYS: readonly string[] = ['channels']

/** A role that is not listed looks at the board if it may read cases (`reads`), else it has no screen. */
export function screensOf(role: string, reads: boolean): readonly string[] {
  return SCREENS[role] ?? (reads ? ['board'] : [])
}
