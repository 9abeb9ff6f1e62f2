/** How the signed-in person is reached outside: reading and changing the choice, confirming addresses, samples of texts. */
import { computed, reactive, ref } from 'vue'

import { call, get, messageOf, post, Problem, query } from './api'
import { t } from './i18n'
import { toast } from './toast'

export type ChannelName = 'email' | 'sms' | 'wecom'
export const CHANNELS: readonly ChannelName[] = ['email', 'sms', 'wecom']

export interface Way {
  address: string
  kinds: string[]
  confirmed: boolean
}
export interface Choice {
  language: 'zh-CN' | 'en'
  quiet_hours: boolean
  email: Way | null
  sms: Way | null
  wecom: Way | null
  available: ChannelName[]
  all_kinds: string[]
}
export interface Sample {
  language: string
  title: string
  text: string
}

/** What is sent: an address that is empty is a channel that is not used. */
export function body(choice: Choice, typed: Record<ChannelName, string>): Record<string, unknown> {
  const ways = CHANNELS.filter((name) => typed[name].trim()).map((name) => [name, { address: typed[name].trim(), kinds: choice[name]?.kinds.length ? choice[name].kinds : ['*'] }])
  return { language: choice.language, quiet_hours: choice.quiet_hours, ...Object.fromEntries(ways) }
}

export function useChannels() {
  const choice = ref<Choice | null>(null)
  const wrong = ref('')
  const busy = ref('')
  const typed = reactive<Record<ChannelName, string>>({ email: '', sms: '', wecom: '' })
  const codes = reactive<Record<ChannelName, string>>({ email: '', sms: '', wecom: '' })
  const sent = reactive<Record<ChannelName, boolean>>({ email: false, sms: false, wecom: false })
  const errors = reactive<Record<string, string>>({})

  const open = computed(() => CHANNELS.filter((name) => choice.value?.available.includes(name)))
  const used = computed(() => open.value.filter((name) => choice.value?.[name]))

  function take(now: Choice): void {
    choice.value = now
    for (const name of CHANNELS) typed[name] = now[name]?.address ?? ''
  }
  /** Do something; what is wrong stands beside its field, else in a toast. */
  async function attempt(what: string, run: () => Promise<void>): Promise<boolean> {
    busy.value = what
    for (const field of Object.keys(errors)) delete errors[field]
    try {
      await run()
      return true
    } catch (error) {
      const found = error instanceof Problem ? error.errors : []
      for (const one of found) errors[one.field === 'code' ? `${what}.code` : one.field] = one.message
      if (!found.length) toast(messageOf(error), 'bad')
      return false
    } finally {
      busy.value = ''
    }
  }
  async function load(): Promise<void> {
    try {
      take(await get<Choice>('/me/channels'))
      wrong.value = ''
    } catch (error) {
      wrong.value = messageOf(error)
    }
  }
  const put = async (): Promise<void> => take(await call<Choice>('PUT', '/me/channels', { body: body(choice.value!, typed) }))
  const save = (): Promise<boolean> => attempt('save', put)

  /** Keep the address that was typed and send the code there. */
  function sendCode(name: ChannelName): Promise<boolean> {
    return attempt(name, async () => {
      if (typed[name].trim() !== choice.value?.[name]?.address) await put()
      await post(`/me/channels/${name}:code`)
      sent[name] = true
      codes[name] = ''
      toast(t('channels.code_sent', { address: typed[name] }))
    })
  }
  function confirm(name: ChannelName): Promise<boolean> {
    return attempt(name, async () => {
      take(await post<Choice>(`/me/channels/${name}:confirm`, { code: codes[name].trim() }))
      sent[name] = false
      toast(t('channels.confirmed_now'))
    })
  }
  function drop(name: ChannelName): Promise<boolean> {
    typed[name] = ''
    sent[name] = false
    return save()
  }
  const samples = (kind: string): Promise<Sample[]> =>
    Promise.all(['zh-CN', 'en'].map(async (language) => ({ language, ...(await get<{ title: string; text: string }>(`/me/channels/sample${query({ kind, language })}`)) })))

  return { choice, wrong, busy, typed, codes, sent, errors, open, used, load, save, sendCode, confirm, drop, samples }
}
