/** What the signed-in person was told: the newest notices, how many are unread, kept fresh by live events. One for the page. */
import { computed, reactive } from 'vue'

import { get, messageOf, post, Problem } from './api'
import { debounce } from './draft'
import { onLive } from './live'
import type { Notice, Page } from './types'

const MOST = 50

export const notices = reactive({ items: [] as Notice[], next: null as string | null, wrong: '' })
export const unread = computed(() => notices.items.filter((one) => !one.read).length)
/** `7`, or `50+` where older pages may hold more. */
export const unreadText = computed(() => (unread.value === notices.items.length && notices.next ? `${unread.value}+` : String(unread.value)))

export async function loadNotices(): Promise<void> {
  try {
    const page = await get<Page<Notice>>(`/notices?limit=${MOST}`)
    notices.items = page.items
    notices.next = page.next
    notices.wrong = ''
  } catch (error) {
    notices.wrong = messageOf(error)
  }
}

/** Remember that a notice was read; it shows as read at once and as unread again where the service could not take it. */
export async function readNotice(notice: Notice): Promise<void> {
  if (notice.read) return
  notice.read = true
  try {
    await post(`/notices/${notice.id}/read`)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    notice.read = false
    notices.wrong = error.message
  }
}

export async function readAll(): Promise<void> {
  for (const notice of notices.items) await readNotice(notice)
}

let following = false
/** Start once per page, after sign-in. */
export function followNotices(): void {
  if (following) return
  following = true
  const soon = debounce(() => void loadNotices(), 300)
  onLive((event) => {
    if (event.type === 'notice' || event.type === 'reset') soon()
  })
  void loadNotices()
}
