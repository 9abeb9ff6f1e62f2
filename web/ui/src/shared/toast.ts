/** Short messages at the foot of the screen, read out by screen readers; they leave after a while or when closed. */
import { reactive } from 'vue'

export interface Toast {
  id: number
  text: string
  kind: 'ok' | 'bad'
  act?: { label: string; run: () => void }
}

export const toasts = reactive<Toast[]>([])
let next = 1

export function dismiss(id: number): void {
  const at = toasts.findIndex((toast) => toast.id === id)
  if (at >= 0) toasts.splice(at, 1)
}

export function toast(text: string, kind: Toast['kind'] = 'ok', act?: Toast['act']): void {
  if (!text) return
  const id = next++
  toasts.push({ id, text, kind, act })
  setTimeout(() => dismiss(id), kind === 'ok' ? 5000 : 9000)
}
