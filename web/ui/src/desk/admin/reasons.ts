/** Why a delivery failed, in words: its code is a word of ours, or a channel with what its other side said. Pure. */
import { has, t } from '../../shared/i18n'

const SAID_BY = ['smtp', 'http', 'sms', 'wecom'] as const

/** `smtp_550` → 邮件服务器不收（550） */
export function reasonWord(error: string): string {
  const own = `failed.${error}`
  if (has(own)) return t(own)
  const by = SAID_BY.find((name) => error.startsWith(`${name}_`))
  return by ? t(`failed.${by}`, { code: error.slice(by.length + 1) }) : error
}
