/** Keep the screen on while it is needed, where the phone can: with the screen off a browser takes no positions. */
import { onMounted, onUnmounted, ref, watch, type Ref } from 'vue'

/** Whether the screen stays on now; follows `wanted` while the component lives. */
export function useAwake(wanted: Ref<boolean>): Ref<boolean> {
  const awake = ref(false)
  let lock: WakeLockSentinel | null = null

  async function keep(): Promise<void> {
    if (!wanted.value || lock || !('wakeLock' in navigator) || document.visibilityState !== 'visible') return
    try {
      lock = await navigator.wakeLock.request('screen')
    } catch {
      return // a weak battery, or not allowed: the page then says that the screen must be kept on by hand
    }
    awake.value = true
    lock.onrelease = () => {
      lock = null
      awake.value = false
    }
  }
  const again = (): void => void keep()
  watch(wanted, (is) => (is ? again() : void lock?.release()))
  onMounted(() => {
    document.addEventListener('visibilitychange', again)
    again()
  })
  onUnmounted(() => {
    document.removeEventListener('visibilitychange', again)
    void lock?.release()
  })
  return awake
}
