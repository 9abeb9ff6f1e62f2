/** How many days a visit is late, or has left, in words. */
import { t } from '../../shared/i18n'

export function dueWords(over: number): string {
  if (over > 0) return t('house.over', { n: over })
  return over === 0 ? t('time.today') : t('house.left', { n: -over })
}
