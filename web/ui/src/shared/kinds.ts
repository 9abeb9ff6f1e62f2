/** The kinds of notices as a person chooses among them: in groups, and as sets in which `*` stands for all. Pure. */

export const ANY = '*'

/** What belongs together; a kind that stands in no group is other news. */
const GROUPS: Record<string, readonly string[]> = {
  work: [
    'submit', 'file', 'send_verify', 'verify', 'dispatch', 'auto_dispatch', 'dispatch_joint', 'begin_parts', 'add_unit', 'subdispatch', 'blow_whistle', 'invite', 'decide_coordination', 'reopen', 'send_back', 'task_reject', 'cover', 'task_object',
    'task_return', 'send_check', 'draw_spot_check', 'assign_spot_check', 'spot_check_late', 'check_fail', 'to_visit', 'visit_answer', 'proxy_visit_answer', 'visit_redo', 'transfer_back', 'ask_reporter',
  ],
  time: ['light', 'digest', 'alarm', 'urge', 'supervise', 'answer_supervise', 'lift_supervise', 'comment', 'rectify_late', 'task_expire'],
  decide: [
    'request_return', 'request_extension', 'request_suspension', 'sign_request', 'decide', 'withdraw_request', 'escalate', 'expire', 'coordinate', 'ask_unit', 'sign_off', 'appeal_refusal',
    'appeal_result', 'hear_appeal', 'propose_special_close', 'decline_special_close',
  ],
  result: ['submit_result', 'check_pass', 'visit_ok', 'close', 'close_explained', 'special_close', 'direct_answer', 'refuse', 'self_handle', 'rate', 'proxy_rate', 'spot_check', 'rectify_submit', 'rectify_close'],
}
export const OTHER = 'other'

export interface KindGroup {
  name: string
  kinds: string[]
}

/** The groups that hold any of these kinds, in their order. */
export function grouped(all: readonly string[]): KindGroup[] {
  const known = new Set(Object.values(GROUPS).flat())
  const groups = Object.entries(GROUPS).map(([name, kinds]) => ({ name, kinds: kinds.filter((one) => all.includes(one)) }))
  return [...groups, { name: OTHER, kinds: all.filter((one) => !known.has(one)) }].filter((group) => group.kinds.length)
}

/** Whether all (`true`), none (`false`) or some (`null`) of `kinds` are chosen. */
export function share(chosen: readonly string[], kinds: readonly string[]): boolean | null {
  if (chosen.includes(ANY)) return true
  const count = kinds.filter((one) => chosen.includes(one)).length
  return count === kinds.length ? true : count === 0 ? false : null
}

/** Choose or leave `kinds`; all of them together are `*`, so that kinds that come later are chosen too. */
export function changed(chosen: readonly string[], kinds: readonly string[], on: boolean, all: readonly string[]): string[] {
  const before = new Set(chosen.includes(ANY) ? all : chosen)
  for (const kind of kinds) before[on ? 'add' : 'delete'](kind)
  return before.size >= all.length ? [ANY] : all.filter((one) => before.has(one))
}
