/** Which screens a role has, its first one first. */
const SCREENS: Record<string, readonly string[]> = {
  operator: ['ticket', 'board'],
  dispatcher: ['board'],
  supervisor: ['board'],
  leader: ['board'],
  unit_clerk: ['inbox'],
  unit_leader: ['inbox'],
  org_coordinator: ['inbox'],
}

export function screensOf(role: string): readonly string[] {
  return SCREENS[role] ?? ['board']
}
