/** Drafts on this device: in IndexedDB where photos are kept with them. A draft leaves only when its report is known to be safe. */
const NAME = 'heyun'
const STORE = 'drafts'

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE)
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

async function run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open()
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode)
      const request = work(transaction.objectStore(STORE))
      transaction.oncomplete = () => resolve(request.result)
      transaction.onabort = () => reject(transaction.error)
      transaction.onerror = () => reject(transaction.error)
    })
  } finally {
    database.close()
  }
}

export async function saveDraft(key: string, value: unknown): Promise<void> {
  await run('readwrite', (store) => store.put(value, key))
}

export async function loadDraft<T>(key: string): Promise<T | undefined> {
  return (await run('readonly', (store) => store.get(key))) as T | undefined
}

export async function dropDraft(key: string): Promise<void> {
  await run('readwrite', (store) => store.delete(key))
}

/** Call `work` once things have been quiet for `wait` milliseconds; `flush` calls it at once if it is due. */
export function debounce<A extends unknown[]>(work: (...args: A) => void, wait: number): ((...args: A) => void) & { flush: () => void; cancel: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  let last: A | undefined
  const fire = (): void => {
    timer = undefined
    if (last) work(...last)
    last = undefined
  }
  const out = (...args: A): void => {
    last = args
    clearTimeout(timer)
    timer = setTimeout(fire, wait)
  }
  const cancel = (): void => {
    clearTimeout(timer)
    timer = undefined
    last = undefined
  }
  const flush = (): void => {
    if (timer) {
      clearTimeout(timer)
      fire()
    }
  }
  return Object.assign(out, { flush, cancel })
}
