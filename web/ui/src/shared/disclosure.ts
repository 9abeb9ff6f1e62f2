/** What opens under a button and closes by Escape, or when something beside it is pressed. */
import { onMounted, onUnmounted, ref, type Ref } from 'vue'

export function useDisclosure(root: Ref<HTMLElement | undefined>, button: Ref<HTMLElement | undefined>) {
  const opened = ref(false)
  function beside(event: Event): void {
    if (opened.value && !root.value?.contains(event.target as Node)) opened.value = false
  }
  function escape(event: KeyboardEvent): void {
    if (!opened.value || event.key !== 'Escape') return
    opened.value = false
    event.stopPropagation()
    button.value?.focus()
  }
  onMounted(() => document.addEventListener('pointerdown', beside))
  onUnmounted(() => document.removeEventListener('pointerdown', beside))
  return { opened, escape }
}
