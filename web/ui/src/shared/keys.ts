/** Keyboard shortcuts that leave input methods and text fields alone. */
import { onMounted, onUnmounted } from 'vue'

/** Whether the event belongs to an input method that is composing; such keys never act. */
export function composing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229
}

/** The name a key is bound by: `Ctrl+Enter`, `F2`, `KeyJ`, `?`; empty for keys that must not act here. */
export function keyName(event: KeyboardEvent): string {
  if (composing(event) || event.altKey) return ''
  const target = event.target as HTMLElement | null
  const typing = !!target && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  if (event.ctrlKey || event.metaKey) return event.key === 'Enter' ? 'Ctrl+Enter' : ''
  if (/^F\d+$/.test(event.key) || event.key === 'Escape') return event.key
  if (typing) return ''
  if (event.key === '?' || event.key === '/') return event.key
  return event.code
}

/** Bind keys while the component lives; a handler that returns false lets the browser act too. */
export function useKeys(bindings: Record<string, (event: KeyboardEvent) => unknown>): void {
  const listen = (event: KeyboardEvent): void => {
    const name = keyName(event)
    const handler = name ? bindings[name] : undefined
    if (handler && handler(event) !== false) event.preventDefault()
  }
  onMounted(() => document.addEventListener('keydown', listen))
  onUnmounted(() => document.removeEventListener('keydown', listen))
}
