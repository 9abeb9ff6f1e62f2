/** The groups that I look after and what waits in them; one copy for all pages. */
import { computed, reactive } from 'vue'

import { get, messageOf } from '../../shared/api'
import { session } from '../../shared/session'
import type { Page } from '../../shared/types'
import type { Group, Post } from './types'

const MOST = 200

export const groups = reactive({ items: [] as Group[], waiting: [] as Post[], known: false, wrong: '' })
export const tends = computed(() => !!session.user?.permissions?.includes('group.tend'))
export const groupName = (code: string): string => groups.items.find((one) => one.code === code)?.name ?? code

export async function loadGroups(): Promise<void> {
  if (!tends.value) return
  try {
    const [mine, waiting] = await Promise.all([get<Page<Group>>(`/groups?limit=${MOST}`), get<Page<Post>>(`/posts?limit=${MOST}`)])
    groups.items = mine.items.filter((one) => one.active)
    groups.waiting = waiting.items
    groups.known = true
    groups.wrong = ''
  } catch (error) {
    groups.wrong = messageOf(error)
  }
}

/** A post was decided: it waits no longer. */
export function settled(post: Post): void {
  if (post.state !== 'open') groups.waiting = groups.waiting.filter((one) => one.id !== post.id)
}
